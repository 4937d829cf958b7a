// Files that a user names: read whole, refused with one line that says why.
//
// Errors are UserError(usage): cannot be opened, no regular file, larger than 512 MiB, no JSON. Blocking
// reads.
#pragma once

#include <string>

#include "results/schema.h"

namespace dragstrip {

// `hint` says where such a file comes from and ends the message when there is none.
std::string read_input(const std::string& path, const std::string& hint = "");

// One JSON document. `complaint` begins the message when it is none: "FILE is no JSON".
Json parse_json(const std::string& text, const std::string& complaint);

}  // namespace dragstrip
