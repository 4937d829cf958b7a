// Third-party stacks: servers that speak the wire contract and are raced in a table of their own. Each is a
// folder servers/stacks/NAME with a stack.json:
//
//   { "name": "nginx-echo", "title": "nginx 1.22", "launch": ["nginx", "-c", "{dir}/nginx.conf"],
//     "ready": "listening", "rows": ["request/h1"], "version": ["nginx", "-v"] }
//
// In `launch` and `version`: {listen} is the address to listen on, {port} its port, {dir} the stack's folder,
// {bin} where this build's programs are. `ready` begins the line on stdout that says the server listens; if
// the line holds an address, that is where it listens. Without `ready` the port is polled until it accepts.
//
// Never: starts anything. A manifest that is wrong is UserError(usage) with file and reason.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dragstrip {

struct Stack {
  std::string name;
  std::string title;
  std::string directory;
  std::vector<std::string> launch;
  std::string ready;
  std::vector<std::string> rows;
  std::vector<std::string> version;
};

inline constexpr const char* kNativeStack = "native";

// Ours: `PROGRAM serve --listen {listen}`.
Stack native_stack(const std::string& program);
// In the order of their names.
std::vector<Stack> find_stacks(const std::string& directory);
Stack parse_stack(const std::string& text, const std::string& file, const std::string& directory);
const Stack& stack_named(const std::vector<Stack>& stacks, const std::string& name);

using Substitutions = std::map<std::string, std::string>;
std::vector<std::string> substitute(const std::vector<std::string>& argv, const Substitutions& values);
bool mentions(const std::vector<std::string>& argv, const std::string& placeholder);

}  // namespace dragstrip
