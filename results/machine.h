// What the results were measured on and with. Read from procfs, sysfs and uname; a value that cannot be read
// is "unknown". Never: host names, user names, paths.
#pragma once

#include <map>
#include <string>

#include "results/model.h"

namespace dragstrip {

MachineInfo read_machine();
ToolInfo tool_info();
// Versions the program was built against.
std::map<std::string, std::string> library_versions();
// Cores this process may run on.
std::uint32_t usable_cores();
// First line of a file without its line end; `fallback` when it cannot be read or is empty.
std::string first_line(const std::string& path, const std::string& fallback);
// "2026-11-20T18:00:00Z", the one use of the wall clock.
std::string utc_now();

}  // namespace dragstrip
