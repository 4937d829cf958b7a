#include "servers/fault_plan.h"

#include <algorithm>

#include "core/base/text.h"

namespace dragstrip {

namespace {

constexpr Duration kLongest{3'600'000'000'000};
constexpr Duration kLongestBurn{1'000'000'000};

// nullopt: fine. Otherwise why it is not, and what would be.
using Wrong = std::optional<std::string>;

std::optional<Duration> positive(std::string_view text) {
  const auto value = parse_duration(text);
  if (!value || *value == Duration{0} || *value > kLongest) return std::nullopt;
  return value;
}

// "1%", "0.5%", "1/100000".
std::optional<double> share(std::string_view text) {
  std::optional<double> value;
  if (!text.empty() && text.back() == '%') {
    value = parse_double(text.substr(0, text.size() - 1));
    if (value) *value /= 100;
  } else if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto part = parse_u64(text.substr(0, slash));
    const auto whole = parse_u64(text.substr(slash + 1));
    if (part && whole && *whole != 0) value = static_cast<double>(*part) / static_cast<double>(*whole);
  }
  if (!value || !(*value > 0 && *value <= 1)) return std::nullopt;
  return value;
}

// Everything before and behind the first `mark`.
std::pair<std::string_view, std::string_view> cut(std::string_view text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

Wrong read_periodic(FaultPlan::Periodic& into, std::string_view text) {
  const auto [length_text, period_text] = cut(text, '/');
  const auto length = positive(length_text);
  const auto period = positive(period_text);
  if (!length || !period) return "it takes LENGTH/PERIOD, such as 100ms/1s, each at most 1h";
  if (*length >= *period) return "it would never end: LENGTH must be shorter than PERIOD, as in 100ms/1s";
  into = {*length, *period};
  return std::nullopt;
}

Wrong read_freeze(FaultPlan& plan, std::string_view text) {
  const auto [length_text, at_text] = cut(text, '@');
  const auto length = positive(length_text);
  const auto at = parse_duration(at_text);
  if (!length || !at || *at > kLongest) {
    return "it takes LENGTH@WHEN, such as 3s@5s: 3 s long, 5 s after the start";
  }
  if (plan.freezes.size() == FaultPlan::kMostFreezes) return "there may be 16 of them at most";
  plan.freezes.push_back({*length, *at});
  return std::nullopt;
}

Wrong read_slow(FaultPlan& plan, std::string_view text) {
  const auto [share_text, delay_text] = cut(text, ':');
  const auto part = share(share_text);
  const auto delay = positive(delay_text);
  if (!part || !delay) return "it takes SHARE:DELAY, such as 1%:100ms or 1/1000:2s";
  plan.slow_share = *part;
  plan.slow_delay = *delay;
  return std::nullopt;
}

Wrong read_share(double& into, std::string_view text) {
  const auto part = share(text);
  if (!part) return "it takes a share above 0 and at most 1, such as 1% or 1/100000";
  into = *part;
  return std::nullopt;
}

Wrong read_burn(FaultPlan& plan, std::string_view text) {
  const auto time = positive(text);
  if (!time || *time > kLongestBurn) return "it takes CPU time, such as 10us, at most 1s";
  plan.burn = *time;
  return std::nullopt;
}

Wrong read_connect_delay(FaultPlan& plan, std::string_view text) {
  const auto [phase, delay_text] = cut(text, ':');
  const auto delay = positive(delay_text);
  if (!delay || (phase != "tcp" && phase != "ready")) {
    return "it takes tcp:DELAY or ready:DELAY, such as tcp:20ms: what is to take longer, and by how much";
  }
  (phase == "tcp" ? plan.handshake_delay : plan.ready_delay) = *delay;
  return std::nullopt;
}

Wrong read_value(FaultPlan& plan, std::string_view name, std::string_view value) {
  if (name == "stall") return read_periodic(plan.stall, value);
  if (name == "late-publish") return read_periodic(plan.late_publish, value);
  if (name == "accept-pause") return read_periodic(plan.accept_pause, value);
  if (name == "freeze") return read_freeze(plan, value);
  if (name == "slow") return read_slow(plan, value);
  if (name == "reset") return read_share(plan.reset_share, value);
  if (name == "refuse") return read_share(plan.refuse_share, value);
  if (name == "drop") return read_share(plan.drop_share, value);
  if (name == "duplicate") return read_share(plan.duplicate_share, value);
  if (name == "swap") return read_share(plan.swap_share, value);
  if (name == "corrupt") return read_share(plan.corrupt_share, value);
  if (name == "burn") return read_burn(plan, value);
  return read_connect_delay(plan, value);
}

}  // namespace

std::string FaultPlan::text() const {
  std::string all;
  for (const std::string& spec : specs) all += (all.empty() ? "" : " ") + spec;
  return all;
}

std::optional<FaultSpecError> add_fault(FaultPlan& plan, std::string_view spec) {
  const auto [name, value] = cut(spec, '=');
  const auto is_called = [name = name](std::string_view known) { return known == name; };
  const auto error = [&](const std::string& why) {
    return FaultSpecError{"--fault " + std::string(spec) + ": " + why, {}};
  };
  if (std::none_of(kFaultNames.begin(), kFaultNames.end(), is_called)) {
    return FaultSpecError{"--fault " + std::string(spec) + ": there is no fault of this name",
                          std::string(name)};
  }
  const auto given = [&](const std::string& before) { return is_called(cut(before, '=').first); };
  if (name != "freeze" && std::any_of(plan.specs.begin(), plan.specs.end(), given)) {
    return error("it was given before; only freeze may be given more than once");
  }
  if (const Wrong why = read_value(plan, name, value)) return error(*why);
  if (plan.slow_share + plan.reset_share + plan.refuse_share > 1) {
    return error("the shares of slow, reset and refuse are of the same requests and add up to more than 1");
  }
  if (plan.drop_share + plan.duplicate_share + plan.swap_share + plan.corrupt_share > 1) {
    return error("the shares of drop, duplicate, swap and corrupt add up to more than 1");
  }
  plan.specs.emplace_back(spec);
  return std::nullopt;
}

}  // namespace dragstrip
