#include "core/base/allocation_counter.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::uint64_t> calls{0};
std::atomic<std::uint64_t> bytes{0};
constinit thread_local int uncounted = 0;

void* counted_or_null(std::size_t size) noexcept {
  if (uncounted == 0) {
    calls.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
  }
  return std::malloc(size == 0 ? 1 : size);
}

void* counted(std::size_t size) {
  if (void* p = counted_or_null(size); p != nullptr) return p;
  throw std::bad_alloc();
}
}  // namespace

namespace dragstrip {

std::uint64_t allocations() noexcept {
  return calls.load(std::memory_order_relaxed);
}
std::uint64_t allocated_bytes() noexcept {
  return bytes.load(std::memory_order_relaxed);
}
UncountedAllocations::UncountedAllocations() noexcept {
  ++uncounted;
}
UncountedAllocations::~UncountedAllocations() {
  --uncounted;
}

}  // namespace dragstrip

// All forms but the over-aligned ones, which are not replaced and not counted. The nothrow ones have to be: a
// sanitizer brings its own, and what they allocate is freed below.
void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted_or_null(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted_or_null(size);
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete[](void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  std::free(p);
}
