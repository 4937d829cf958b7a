// Counts calls of operator new in this program and the bytes they asked for. A program that wants the counts
// links allocation_counter.cc, which replaces the global operators; two readings are compared.
//
// Costs two relaxed additions per allocation. Never: counts malloc, over-aligned forms, or what is freed.
#pragma once

#include <cstdint>

namespace dragstrip {

// Since the program started, all threads.
std::uint64_t allocations() noexcept;
std::uint64_t allocated_bytes() noexcept;

// While one lives, this thread's allocations are not counted: they are the observer's own.
class UncountedAllocations {
 public:
  UncountedAllocations() noexcept;
  ~UncountedAllocations();
  UncountedAllocations(const UncountedAllocations&) = delete;
  UncountedAllocations& operator=(const UncountedAllocations&) = delete;
};

}  // namespace dragstrip
