#include "servers/mailbox.h"

#include <chrono>
#include <cstring>

#include "core/base/check.h"

namespace dragstrip {

namespace {

struct Envelope {
  std::uint64_t ticket;
  std::uint32_t worker;
  std::uint32_t a, b, c;
  std::uint16_t status;
  Letter::Kind kind;
  std::uint8_t code;
};

std::uint32_t size_of(std::string_view text) {
  DRAGSTRIP_CHECK(text.size() <= 1u << 30);  // every part is bounded by the limits of what it came from
  return static_cast<std::uint32_t>(text.size());
}

std::string_view cut(std::string_view& from, std::size_t size) {
  const std::string_view part = from.substr(0, size);
  from.remove_prefix(size);
  return part;
}

}  // namespace

void Mailbox::put(const Letter& letter) {
  Envelope envelope{letter.ticket,     letter.worker, size_of(letter.a), size_of(letter.b),
                    size_of(letter.c), letter.status, letter.kind,       letter.code};
  bool first;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    first = letters_.empty();
    std::memcpy(letters_.prepare(sizeof envelope), &envelope, sizeof envelope);
    letters_.commit(sizeof envelope);
    letters_.append(letter.a);
    letters_.append(letter.b);
    letters_.append(letter.c);
  }
  if (first && bell_ != nullptr) bell_->ring();
}

bool Mailbox::full() const {
  const std::lock_guard lock(mutex_);
  return letters_.size() >= kMostBytes;
}

void Mailbox::wait_for_room(const Mailbox& own) {
  std::unique_lock lock(mutex_);
  while (letters_.size() >= kMostBytes) {
    lock.unlock();
    if (own.full()) return;
    lock.lock();
    // Our own box may fill up meanwhile, which nobody signals here: hence the limit.
    emptied_.wait_for(lock, std::chrono::milliseconds(1), [this] { return letters_.size() < kMostBytes; });
  }
}

void Mailbox::take(Buffer& letters) {
  DRAGSTRIP_CHECK(letters.empty());
  {
    const std::lock_guard lock(mutex_);
    letters.swap(letters_);
  }
  emptied_.notify_all();
}

void Mailbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    letters_.clear();
  }
  emptied_.notify_all();
}

bool next_letter(std::string_view& letters, Letter& letter) {
  if (letters.empty()) return false;
  Envelope envelope;
  DRAGSTRIP_CHECK(letters.size() >= sizeof envelope);
  std::memcpy(&envelope, letters.data(), sizeof envelope);
  letters.remove_prefix(sizeof envelope);
  letter.kind = envelope.kind;
  letter.code = envelope.code;
  letter.status = envelope.status;
  letter.worker = envelope.worker;
  letter.ticket = envelope.ticket;
  letter.a = cut(letters, envelope.a);
  letter.b = cut(letters, envelope.b);
  letter.c = cut(letters, envelope.c);
  return true;
}

}  // namespace dragstrip
