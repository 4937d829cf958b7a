// Reads the contract's line format ("Lines" in docs/wire-contract.md): bytes in, messages and notices out.
// The writing half is lines.h.
//
// Pulled: the caller hands in a piece of the body and takes lines out until it is used up. Any split gives
// the same lines. A line that lies in the input as a whole and holds no backslash is handed out as a view of
// the input. Heartbeats (empty lines) are skipped.
//
// Errors: malformed (an escape that the format does not know; the line is gone, the next one may be read)
// and too_large (a line above kMaxLineBytes; nothing more comes out until restart()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"

namespace dragstrip {

struct Line {
  std::string_view
      payload;  // of a message; lives until the next call of next(), at most as long as the input
  std::uint64_t oldest = 0;  // of a lagged notice: delivery goes on at this number
};

class LinesDecoder {
 public:
  // The longest payload (1 MiB) with every byte escaped.
  static constexpr std::size_t kMaxLineBytes = 2u << 20;

  enum class Step : std::uint8_t { need_more, message, lagged, malformed, too_large };
  // Takes bytes off the front of `input` up to the end of the next line. need_more: all of it was taken.
  Step next(std::string_view& input, Line& line);

  // A new body follows.
  void restart() noexcept;
  // False while part of a line has come: a body that ends now was cut short.
  [[nodiscard]] bool at_line_start() const noexcept { return partial_.empty(); }
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return partial_.size(); }

 private:
  Step take_line(std::string_view text, Line& line);
  Step unescape(std::string_view text, std::size_t first_backslash, Line& line);
  Step give_up(std::string_view& input) noexcept;

  Buffer partial_;    // of the line whose end has not come
  Buffer unescaped_;  // the payload handed out, where it had escapes
  bool partial_handed_out_ = false;
  bool too_large_ = false;
};

// How many messages a whole poll answer holds: its lines that are not empty. False when the body does not
// end at the end of a line.
bool count_messages(std::string_view body, std::uint64_t& count) noexcept;

}  // namespace dragstrip
