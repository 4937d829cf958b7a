// What the user sees on stderr while a suite runs. On a terminal one line that is redrawn at most four times
// a second; elsewhere plain key=value lines, at most one every ten seconds. Never: touches stdout; a thread
// of its own (it is drawn by the runner's waiting loop, so measuring and drawing never compete).
#pragma once

#include <cstdint>
#include <string>

#include "core/base/time.h"

namespace dragstrip {

class Progress {
 public:
  enum class Style : std::uint8_t { quiet, plain, terminal };
  Progress(Style style, std::size_t runs, Duration planned);
  // quiet, or what stderr is.
  static Style detect(bool quiet);

  void begin_run(const std::string& cell, std::uint32_t round, std::uint32_t rounds, Instant now);
  void end_run(Duration planned, Instant now);
  void tick(Instant now);
  // A line that stays: a warning, a failed run.
  void say(const std::string& line);
  void finish();

  // Planned seconds left, corrected by how long the finished ones took.
  [[nodiscard]] Duration eta(Instant now) const;
  [[nodiscard]] std::string plain_line(Instant now) const;
  [[nodiscard]] std::string terminal_line(Instant now) const;

 private:
  Style style_;
  std::size_t runs_;
  std::size_t done_ = 0;
  Duration planned_;
  Duration planned_done_{0};
  Instant started_ = kUnset;
  Instant last_end_ = kUnset;
  Instant drawn_ = kUnset;
  std::string cell_;
  std::uint32_t round_ = 0;
  std::uint32_t rounds_ = 0;
};

}  // namespace dragstrip
