#include "bench/runner/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace dragstrip {

namespace {

constexpr Duration kRedraw{250'000'000};
constexpr Duration kPlainEvery{10'000'000'000};
constexpr std::size_t kBar = 20;

std::string clock_text(Duration d) {
  const auto seconds = std::max<std::int64_t>(0, (d.count() + 999'999'999) / 1'000'000'000);
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

}  // namespace

Progress::Progress(Style style, std::size_t runs, Duration planned)
    : style_(style), runs_(runs), planned_(planned) {}

Progress::Style Progress::detect(bool quiet) {
  if (quiet) return Style::quiet;
  const char* const term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return ::isatty(STDERR_FILENO) != 0 && !dumb ? Style::terminal : Style::plain;
}

void Progress::begin_run(const std::string& cell, std::uint32_t round, std::uint32_t rounds, Instant now) {
  if (started_ == kUnset) started_ = last_end_ = now;
  cell_ = cell;
  round_ = round;
  rounds_ = rounds;
  tick(now);
}

void Progress::end_run(Duration planned, Instant now) {
  ++done_;
  planned_done_ += planned;
  last_end_ = now;
}

Duration Progress::eta(Instant now) const {
  const Duration left = planned_ - planned_done_;
  if (planned_done_.count() == 0 || started_ == kUnset) return left;
  const double stretch =
      static_cast<double>((last_end_ - started_).count()) / static_cast<double>(planned_done_.count());
  const auto corrected = static_cast<std::int64_t>(static_cast<double>(left.count()) * stretch);
  return std::max(Duration{0}, Duration{corrected} - (now - last_end_));
}

std::string Progress::plain_line(Instant now) const {
  const std::size_t percent = runs_ == 0 ? 100 : done_ * 100 / runs_;
  return fmt::format("progress pct={} run={}/{} round={}/{} cell={} eta_s={}", percent, done_ + 1, runs_,
                     round_, rounds_, cell_, (eta(now).count() + 999'999'999) / 1'000'000'000);
}

std::string Progress::terminal_line(Instant now) const {
  const std::size_t filled = runs_ == 0 ? kBar : done_ * kBar / runs_;
  return fmt::format("  [{}{}] {}/{}  ETA {}  round {}/{}  {}", std::string(filled, '#'),
                     std::string(kBar - filled, '.'), done_, runs_, clock_text(eta(now)), round_, rounds_,
                     cell_)
      .substr(0, 79);
}

void Progress::tick(Instant now) {
  if (style_ == Style::quiet) return;
  const Duration every = style_ == Style::terminal ? kRedraw : kPlainEvery;
  if (drawn_ != kUnset && now - drawn_ < every) return;
  drawn_ = now;
  if (style_ == Style::terminal) {
    std::fprintf(stderr, "\r\x1b[K%s", terminal_line(now).c_str());
  } else {
    std::fprintf(stderr, "%s\n", plain_line(now).c_str());
  }
  std::fflush(stderr);
}

void Progress::say(const std::string& line) {
  if (style_ == Style::quiet) return;
  std::fprintf(stderr, "%s%s\n", style_ == Style::terminal ? "\r\x1b[K" : "", line.c_str());
  drawn_ = kUnset;
}

void Progress::finish() {
  if (style_ == Style::terminal) std::fprintf(stderr, "\r\x1b[K");
}

}  // namespace dragstrip
