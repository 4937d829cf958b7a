#include "core/codec/http2_memory.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "core/base/tally.h"

#if defined(__SANITIZE_ADDRESS__)
#define DRAGSTRIP_POOLED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DRAGSTRIP_POOLED 0
#endif
#endif
#ifndef DRAGSTRIP_POOLED
#define DRAGSTRIP_POOLED 1
#endif

namespace dragstrip {
namespace {

// In front of every block: its class tells how large it is. 16 bytes keep what follows aligned.
struct alignas(16) BlockHead {
  std::size_t size_class;
  std::size_t size;  // usable bytes
};

constexpr std::size_t kSmallest = 32;
constexpr std::size_t kLargestBumped = 2048;
constexpr std::size_t kLargestSlab = 64u << 10;
constexpr std::size_t kUnpooled = ~std::size_t{0};

// 32, 48, 64, 96, 128, 192, ...
std::size_t class_of(std::size_t size) noexcept {
  const auto bits = static_cast<std::size_t>(std::bit_width(std::max(size, kSmallest) - 1));
  const std::size_t full = std::size_t{1} << bits;
  const bool lower = size <= full / 4 * 3 && bits > 5;
  return (bits - 5) * 2 - (lower ? 1 : 0);
}

std::size_t size_of_class(std::size_t index) noexcept {
  const std::size_t full = kSmallest << ((index + 1) / 2);
  return index % 2 == 0 ? full : full / 4 * 3;
}

void* mem_malloc(std::size_t size, void* user) {
  return static_cast<Http2Memory*>(user)->allocate(size);
}
void mem_free(void* block, void* user) {
  static_cast<Http2Memory*>(user)->release(block);
}
void* mem_calloc(std::size_t n, std::size_t size, void* user) {
  if (size != 0 && n > ~std::size_t{0} / size) return nullptr;
  void* const block = static_cast<Http2Memory*>(user)->allocate(n * size);
  if (block != nullptr) std::memset(block, 0, n * size);
  return block;
}
void* mem_realloc(void* block, std::size_t size, void* user) {
  return static_cast<Http2Memory*>(user)->resize(block, size);
}

}  // namespace

Http2Memory::Http2Memory() noexcept {
  table_ = {this, mem_malloc, mem_free, mem_calloc, mem_realloc};
}

Http2Memory::~Http2Memory() {
  while (slabs_ != nullptr) {
    Slab* const next = slabs_->next;
    std::free(slabs_);
    slabs_ = next;
  }
}

void* Http2Memory::new_slab(std::size_t size) noexcept {
  void* const memory = std::malloc(sizeof(Slab) + size);
  if (memory == nullptr) return nullptr;
  auto* const slab = static_cast<Slab*>(memory);
  slab->next = slabs_;
  slabs_ = slab;
  reserved_bytes_ += sizeof(Slab) + size;
  return slab + 1;
}

void* Http2Memory::from_slab(std::size_t size) noexcept {
  if (size > kLargestBumped) return new_slab(size);
  if (bump_left_ < size) {  // the rest of the old slab, less than the largest small block, is given up
    void* const fresh = new_slab(next_slab_);
    if (fresh == nullptr) return nullptr;
    bump_ = static_cast<char*>(fresh);
    bump_left_ = next_slab_;
    next_slab_ = std::min(next_slab_ * 2, kLargestSlab);
  }
  void* const block = bump_;
  bump_ += size;
  bump_left_ -= size;
  return block;
}

void* Http2Memory::allocate(std::size_t size) noexcept {
  ++tally.http2_objects;
  const std::size_t index = class_of(size);
  if (DRAGSTRIP_POOLED == 0 || index >= kClasses) {
    if (size > ~std::size_t{0} - sizeof(BlockHead)) return nullptr;
    void* const memory = std::malloc(sizeof(BlockHead) + size);
    if (memory == nullptr) return nullptr;
    auto* const head = static_cast<BlockHead*>(memory);
    *head = {kUnpooled, size};
    return head + 1;
  }
  if (FreeBlock* const block = free_[index]; block != nullptr) {
    free_[index] = block->next;
    return block;
  }
  const std::size_t usable = size_of_class(index);
  void* const memory = from_slab(sizeof(BlockHead) + usable);
  if (memory == nullptr) return nullptr;
  auto* const head = static_cast<BlockHead*>(memory);
  *head = {index, usable};
  return head + 1;
}

void Http2Memory::release(void* block) noexcept {
  if (block == nullptr) return;
  BlockHead* const head = static_cast<BlockHead*>(block) - 1;
  if (head->size_class == kUnpooled) {
    std::free(head);
    return;
  }
  auto* const freed = static_cast<FreeBlock*>(block);
  const std::size_t index = head->size_class;
  freed->next = free_[index];
  free_[index] = freed;
}

void* Http2Memory::resize(void* block, std::size_t size) noexcept {
  if (block == nullptr) return allocate(size);
  const BlockHead* const head = static_cast<BlockHead*>(block) - 1;
  if (size <= head->size) return block;
  void* const bigger = allocate(size);
  if (bigger == nullptr) return nullptr;
  std::memcpy(bigger, block, head->size);
  release(block);
  return bigger;
}

}  // namespace dragstrip
