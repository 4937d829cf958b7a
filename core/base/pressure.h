// How long programs waited for a CPU: pressure stall information (kernel: accounting/psi).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace dragstrip {

// Microseconds since boot in which somebody waited, from the text, or the first line, of /proc/pressure/cpu:
// "some avg10=1.23 avg60=... total=4388". nullopt where it says nothing, as where the kernel has no PSI.
// The averages in it are of up to five minutes ago; the difference of two totals is of the time between them.
std::optional<std::uint64_t> pressure_total(std::string_view text);

}  // namespace dragstrip
