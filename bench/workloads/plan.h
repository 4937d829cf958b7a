// What one run does, decided before the first byte: the same for all of its workers.
//
// Never changes while the run is on. Units are in the names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/workloads/workloads.h"
#include "core/base/schedule.h"
#include "core/base/slices.h"
#include "core/transport/address.h"
#include "core/transport/channel.h"

namespace dragstrip {

struct LoadPlan {
  const Row* row = nullptr;
  const Workload* workload = nullptr;

  Address peer;
  std::string authority;
  std::string path;   // foreign targets: asked for as it is; empty on ours
  std::string query;  // the same
  bool foreign = false;

  bool closed = false;    // rpc: next on completion, the schedule is not used
  ScheduleSpec schedule;  // of all workers together
  // We take turns with others; `warmup` and `window` are whole blocks, and the schedule is one in own time.
  std::optional<Slices> slices;
  Instant slices_begin = kUnset;  // the schedule's zero, agreed upon with them
  std::uint32_t clients = 1;
  std::uint32_t threads = 1;  // <= clients
  std::uint32_t payload_bytes = 100;
  Method method = Method::post;
  Duration warmup{0};
  Duration window{10'000'000'000};
  Duration timeout{5'000'000'000};
  Duration poll_interval{100'000'000};
  Duration connect_within{10'000'000'000};
  std::uint32_t room_size = 1;
  std::uint32_t channels_per_connection = 0;
  bool count_only =
      false;  // rpc: outcomes are counted and nothing else; what that saves is what measuring costs

  std::uint32_t run = 1;       // 18 bits, in every payload
  std::string topic = "load";  // nobody else's; rooms are TOPIC-0, TOPIC-1, ...

  [[nodiscard]] Duration total() const noexcept { return warmup + window; }
  // When what the schedule has at `offset` is meant to happen, from the schedule's zero.
  [[nodiscard]] Duration when(Duration offset) const noexcept { return slices ? slices->at(offset) : offset; }
  [[nodiscard]] std::uint32_t rooms() const noexcept { return (clients + room_size - 1) / room_size; }
  [[nodiscard]] bool subscribes() const noexcept { return dragstrip::subscribes(*row, *workload); }
};

// Clients (by global index, ascending) that worker `index` plays. Members of one room share a worker.
std::vector<std::uint32_t> clients_of_worker(const LoadPlan& plan, std::uint32_t index);
// Who publishes operation k of a chat.
std::uint32_t chat_user(const LoadPlan& plan, std::uint64_t k) noexcept;
// Operations of the schedule before plan.total(), counted up to `limit` + 1.
std::uint64_t planned_operations(const LoadPlan& plan, std::uint64_t limit);
// feed and chat keep a note per operation; more than this is refused when the plan is made.
inline constexpr std::uint64_t kMaxNotedOperations = 20'000'000;

// What POST /feed is asked so that the server publishes the plan's schedule, `lead` after it was asked (at
// `slices_begin` when time is sliced).
std::string feed_query(const LoadPlan& plan, Duration lead);

ChannelOptions channel_options(const LoadPlan& plan, std::uint32_t client);

}  // namespace dragstrip
