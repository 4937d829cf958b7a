// The allocator of one HTTP/2 connection: free lists by size class, so that nghttp2, which allocates several
// objects for each HTTP/2 stream, costs no malloc once a connection has been warmed up.
//
// Owns every block that it ever gave out until it is destroyed: it grows to the peak of the connection and no
// further. Not thread-safe. Under AddressSanitizer it passes every call on to malloc, so that misuse is seen.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace dragstrip {

class Http2Memory {
 public:
  Http2Memory() noexcept;
  ~Http2Memory();
  Http2Memory(const Http2Memory&) = delete;
  Http2Memory& operator=(const Http2Memory&) = delete;

  [[nodiscard]] nghttp2_mem* table() noexcept { return &table_; }
  // nullptr when the system has no memory.
  void* allocate(std::size_t size) noexcept;
  void release(void* block) noexcept;
  void* resize(void* block, std::size_t size) noexcept;
  // What was asked of the system so far.
  [[nodiscard]] std::size_t reserved_bytes() const noexcept { return reserved_bytes_; }

 private:
  struct FreeBlock {
    FreeBlock* next;
  };
  struct alignas(16) Slab {
    Slab* next;
  };
  static constexpr std::size_t kClasses = 25;  // two a power of two, up to 128 KiB
  void* from_slab(std::size_t size) noexcept;
  void* new_slab(std::size_t size) noexcept;

  nghttp2_mem table_{};
  std::array<FreeBlock*, kClasses> free_{};
  Slab* slabs_ = nullptr;
  char* bump_ = nullptr;
  std::size_t bump_left_ = 0;
  std::size_t next_slab_ = 4096;
  std::size_t reserved_bytes_ = 0;
};

}  // namespace dragstrip
