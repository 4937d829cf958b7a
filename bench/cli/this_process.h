// What commands do with their own process, the machine and the directory they write to, before they begin.
//
// Errors are UserErrors: usage, and not_written for a directory.
#pragma once

#include <string>
#include <string_view>

namespace dragstrip::cli {

// The file of the running program (/proc/self/exe).
std::string own_path();

// Makes it where it is missing. Before the first byte of load: a run of minutes must not end with "permission
// denied".
void prepare_directory(const std::string& out);

// Every connection is a descriptor. The soft limit is there for programs that use select(); takes what the
// hard one gives.
void raise_descriptor_limit();

// "A" to "D" (bench/runner/fitness.h). A D is said on stderr with its reason, which may be over when the user
// looks for it with `dragstrip doctor`.
std::string grade_of_machine(std::string_view command);

}  // namespace dragstrip::cli
