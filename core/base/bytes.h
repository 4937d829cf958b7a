// A growable, contiguous byte buffer: what a connection's output is appended to and what a decoder keeps
// of a message whose end has not come yet.
//
// Owns its storage and keeps it when emptied, so a connection in steady state allocates nothing. Not
// thread-safe. Views handed out live until the next non-const call.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "core/base/check.h"
#include "core/base/tally.h"

namespace dragstrip {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }

  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] const char* data() const noexcept { return storage_.get() + begin_; }
  [[nodiscard]] char* mutable_data() noexcept { return storage_.get() + begin_; }
  [[nodiscard]] std::string_view view() const noexcept { return {data(), size()}; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(prepare(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  void append(char byte) {
    *prepare(1) = byte;
    commit(1);
  }
  // Room for `n` bytes behind the end; commit() makes written ones part of the buffer.
  [[nodiscard]] char* prepare(std::size_t n) {
    if (capacity_ - end_ < n) make_room(n);
    return storage_.get() + end_;
  }
  void commit(std::size_t n) noexcept {
    DRAGSTRIP_DEBUG_CHECK(n <= capacity_ - end_);
    tally.copied_bytes += n;
    end_ += n;
  }
  // Drops `n` bytes from the front.
  void consume(std::size_t n) noexcept {
    DRAGSTRIP_CHECK(n <= size());
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Drops everything behind the first `n` bytes.
  void truncate(std::size_t n) noexcept {
    DRAGSTRIP_CHECK(n <= size());
    end_ = begin_ + n;
  }
  void clear() noexcept { begin_ = end_ = 0; }
  // Gives the storage back when a burst made it larger than `keep` bytes and it is empty now.
  void shrink(std::size_t keep) noexcept {
    if (empty() && capacity_ > keep) {
      storage_.reset();
      capacity_ = 0;
    }
  }
  void swap(Buffer& other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
  }

 private:
  void make_room(std::size_t n) {
    const std::size_t held = size();
    tally.copied_bytes += held;
    if (held + n <= capacity_ && begin_ >= capacity_ / 2) {  // sliding costs at most what was consumed
      std::memmove(storage_.get(), storage_.get() + begin_, held);
    } else {
      std::size_t grown = capacity_ < 256 ? 512 : capacity_ * 2;
      while (grown < held + n) grown *= 2;
      auto bigger = std::make_unique_for_overwrite<char[]>(grown);
      if (held != 0) std::memcpy(bigger.get(), storage_.get() + begin_, held);
      storage_ = std::move(bigger);
      capacity_ = grown;
    }
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<char[]> storage_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace dragstrip
