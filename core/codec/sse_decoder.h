// Reads an event stream: bytes in, events out (WHATWG HTML §9.2.5, §9.2.6). The writing half is sse.h.
//
// Pulled: the caller hands in a piece of the body and takes events out until it is used up. Any split of the
// stream gives the same events. An event of one data line that lies in the input as a whole, which is how
// our own server's arrive, is handed out as a view of the input; all others are gathered in a buffer.
//
// Never: connects, reads a clock, fails on bad syntax (the standard ignores unknown lines). The only error
// is too_large: an event above kMaxEventBytes or an id above kMaxIdBytes, after which nothing more comes
// out until restart().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.h"

namespace dragstrip {

// Views live until the next call of next(), and no longer than the input.
struct SseEvent {
  std::string_view type;  // "message" when the stream named none
  std::string_view id;    // the last event id as of this event; persists until changed
  std::string_view data;
};

class SseDecoder {
 public:
  static constexpr std::size_t kMaxEventBytes = 4u << 20;
  static constexpr std::size_t kMaxIdBytes = 4096;

  enum class Step : std::uint8_t { need_more, event, too_large };
  // Takes bytes off the front of `input` up to the end of the next event. need_more: all of it was taken.
  Step next(std::string_view& input, SseEvent& event);

  // A new response follows. The last event id is kept: it is what the request for it was made with.
  void restart();

  // What Last-Event-ID says when reconnecting: the id as of the last event that was *finished*.
  [[nodiscard]] std::string_view last_event_id() const noexcept { return last_event_id_; }
  // The newest `retry:` in milliseconds.
  [[nodiscard]] std::optional<std::uint64_t> retry_ms() const noexcept { return retry_ms_; }
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return line_.size() + data_.size(); }

 private:
  enum class LineEffect : std::uint8_t { none, event, too_large };
  void skip_byte_order_mark(std::string_view& input);
  bool take_whole_event(std::string_view& input, SseEvent& event);
  LineEffect take_line(std::string_view line);
  LineEffect take_field(std::string_view name, std::string_view value);
  Step give_up(std::string_view& input);

  Buffer line_;      // of the line whose end has not come
  Buffer data_;      // values of the event's data lines, each with LF behind it
  Buffer repaired_;  // a field value that was not well-formed UTF-8
  std::string type_;
  std::string id_;             // as the lines read so far have it
  std::string last_event_id_;  // as of the last finished event
  std::optional<std::uint64_t> retry_ms_;
  std::uint8_t mark_bytes_ = 0;  // of the byte order mark matched so far
  bool mark_done_ = false;
  bool skip_lf_ = false;  // the last line ended in CR: an LF that follows belongs to it
  bool handed_out_ = false;
  bool too_large_ = false;
};

}  // namespace dragstrip
