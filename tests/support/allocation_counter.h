// Counts calls of operator new in this program. A test links allocation_counter.cc and compares two readings.
#pragma once

#include <cstdint>

namespace dragstrip::test {
std::uint64_t allocations() noexcept;  // since the program started, all threads
}  // namespace dragstrip::test
