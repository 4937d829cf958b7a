// What one worker of the server leaves for another: a FIFO of letters between two threads.
//
// Owns the letters as bytes in one buffer, so a letter costs no allocation in steady state. Bounded: whoever
// puts letters in asks wait_for_room() first. Thread-safe; one thread takes, any may put.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "core/base/bytes.h"

namespace dragstrip {

struct Letter {
  enum class Kind : std::uint8_t {
    publish,  // to the worker that keeps the order: topic, payload
    message,  // from it: the same, numbered by its place in the mail
    request,  // to it: topic-changing HTTP request; a path, b query, c body
    answer,   // from it: a content type, b the value of one extra field, c body
  };
  Kind kind = Kind::publish;
  std::uint8_t code = 0;     // request: the method; answer: which extra field
  std::uint16_t status = 0;  // answer
  std::uint32_t worker = 0;  // request: who asks
  std::uint64_t ticket = 0;  // request, answer: what for
  std::string_view a, b, c;
};

class Mailbox {
 public:
  static constexpr std::size_t kMostBytes = 64u << 20;

  // Tells the receiving thread, from any thread, that there is mail.
  class Bell {
   public:
    virtual ~Bell() = default;
    virtual void ring() = 0;
  };

  void set_bell(Bell& bell) { bell_ = &bell; }
  void put(const Letter& letter);
  // Blocks while this box is full, unless `own`, the caller's, is full as well: two workers that wait for
  // each other would wait for ever. The caller then puts its letter all the same and reads its own mail at
  // the end of its turn, so a box exceeds the limit by what one turn of a loop can write.
  void wait_for_room(const Mailbox& own);
  // Everything so far, in exchange for an empty buffer.
  void take(Buffer& letters);
  // Its reader has gone: what is in it and what is put into it from now on is dropped, and nobody waits.
  void close();

 private:
  [[nodiscard]] bool full() const;

  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  Buffer letters_;
  bool closed_ = false;
  Bell* bell_ = nullptr;
};

// Reads the letter at the front of `letters`; its views live as long as these bytes. False: none is left.
bool next_letter(std::string_view& letters, Letter& letter);

}  // namespace dragstrip
