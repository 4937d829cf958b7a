// The black-box test of the wire contract (docs/wire-contract.md): what a server must pass to be raced.
//
// Every check opens its own connections and uses topics of its own, so checks do not depend on each other's
// order. HTTP/1.1 details are checked with cpp-httplib's client, which shares no code with our servers; that
// every row delivers exactly once and in order is checked with the load generator's own channels.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/transport/address.h"

namespace dragstrip::conform {

struct Target {
  Address address;
  std::string authority;
  std::string topic_prefix;  // makes topics of two calls against one server differ
};

// Empty: passed. Else one line: what was expected and what came.
using Verdict = std::string;

struct Check {
  std::string id;       // stable, e.g. "short-poll/h1 resumes"
  std::string row;      // row it belongs to; a server that does not claim the row need not pass it
  std::string expects;  // the promise, in a sentence
  std::function<Verdict(const Target&)> run;
};

std::vector<Check> http_checks();  // http_checks.cc: answers, fields, formats, errors
std::vector<Check> row_checks();   // row_checks.cc: every row, through the generator's channels

}  // namespace dragstrip::conform
