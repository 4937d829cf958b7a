#include "core/base/allocation_counter.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::uint64_t> calls{0};
std::atomic<std::uint64_t> bytes{0};
constinit thread_local int uncounted = 0;

void* counted(std::size_t size) {
  if (uncounted == 0) {
    calls.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
  }
  if (void* p = std::malloc(size == 0 ? 1 : size); p != nullptr) return p;
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

// The nothrow and array forms end here too; over-aligned ones are not replaced and not counted.
void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
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
