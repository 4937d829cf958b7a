#include "bench/workloads/plan.h"

#include <fmt/format.h>

#include "core/base/random.h"
#include "core/base/text.h"

namespace dragstrip {

namespace {
// Streams of random numbers that must not be each other's.
constexpr std::uint64_t kUserStream = 0x75736572;     // "user"
constexpr std::uint64_t kPhaseStream = 0x70686173;    // "phas"
constexpr std::uint64_t kChannelStream = 0x6368616e;  // "chan"

std::uint64_t below(std::uint64_t bits, std::uint64_t bound) noexcept {
  return static_cast<std::uint64_t>((static_cast<Uint128>(bits) * bound) >> 64);
}
}  // namespace

std::vector<std::uint32_t> clients_of_worker(const LoadPlan& plan, std::uint32_t index) {
  const std::uint32_t group = plan.workload->kind == WorkloadKind::chat ? plan.room_size : 1;
  std::vector<std::uint32_t> mine;
  for (std::uint32_t client = 0; client < plan.clients; ++client) {
    if (client / group % plan.threads == index) mine.push_back(client);
  }
  return mine;
}

std::uint32_t chat_user(const LoadPlan& plan, std::uint64_t k) noexcept {
  return static_cast<std::uint32_t>(below(draw(plan.schedule.seed ^ kUserStream, k), plan.clients));
}

std::uint64_t planned_operations(const LoadPlan& plan, std::uint64_t limit) {
  Schedule schedule(plan.schedule);
  while (plan.when(schedule.peek()) < plan.total() && schedule.index() <= limit) schedule.next();
  return schedule.index();
}

std::string feed_query(const LoadPlan& plan, Duration lead) {
  const std::string query =
      fmt::format("topic={}&rate={}&arrival={}&payload={}&seed={}&run={}&duration={}", plan.topic,
                  plan.schedule.rate_per_s, name_of(plan.schedule.arrival), plan.payload_bytes,
                  plan.schedule.seed, plan.run, format_duration(plan.total()));
  if (!plan.slices) return query + "&lead=" + format_duration(lead);
  return query +
         fmt::format("&start={}&slices={}", to_ns(plan.slices_begin), format_slices(plan.slices->spec()));
}

ChannelOptions channel_options(const LoadPlan& plan, std::uint32_t client) {
  ChannelOptions options;
  options.peer = plan.peer;
  options.authority = plan.authority;
  options.path = plan.path;
  options.origin_query = plan.query;
  options.request_method = plan.method;
  options.poll_interval = plan.poll_interval;
  // Clients that poll in step would all see the same age of every message.
  const std::uint64_t bits = draw(plan.schedule.seed ^ kPhaseStream, client);
  options.poll_phase = Duration{
      static_cast<std::int64_t>(below(bits, static_cast<std::uint64_t>(plan.poll_interval.count())))};
  options.publishes = plan.workload->kind == WorkloadKind::chat;
  options.seed = draw(plan.schedule.seed ^ kChannelStream, client);
  return options;
}

}  // namespace dragstrip
