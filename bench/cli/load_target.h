// What the URL of `dragstrip load` names: an address, and whether what is there is our contract or somebody
// else's.
//
// Never resolves names (no DNS in the project) and never follows anything. Errors: UserError(usage), one
// line.
#pragma once

#include <string>
#include <string_view>

#include "core/transport/address.h"
#include "core/transport/rows.h"

namespace dragstrip::cli {

struct LoadTarget {
  Address peer;
  std::string authority;
  std::string path;  // empty: the contract's own paths
  std::string query;
  bool foreign = false;  // a path other than "/" was given
};

// http://, ws://, tcp:// or no scheme; a base URL fits every row, ws:// and tcp:// only their own.
LoadTarget parse_target(std::string_view url, const Row& row);

}  // namespace dragstrip::cli
