// The plain answers every handler gives. An error is one line of text that says what was wrong.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/transport/exchange.h"

namespace dragstrip {

// A number as text, without allocating; for field values and bodies.
class Decimal {
 public:
  explicit Decimal(std::uint64_t value) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {digits_.data(), size_}; }

 private:
  std::array<char, 20> digits_;
  std::size_t size_;
};

void answer_text(ServerExchange& exchange, int status, std::string_view body);
// `line` ends with LF.
void answer_error(ServerExchange& exchange, int status, std::string_view line);
void answer_not_allowed(ServerExchange& exchange, std::string_view allow);  // 405
void answer_full(ServerExchange& exchange, std::string_view line);          // 503 with retry-after

}  // namespace dragstrip
