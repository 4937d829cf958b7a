// What one operation costs on each row, in lockstep against a paired server process on the other core:
//
//   round_trip/ROW          a request of 100 bytes and its own response                       rows with rpc
//   feed_message/ROW        a message published over tcp and received on the row               rows with feed
//   connect/ROW             open, first message or response, close                             every row
//   receive_1mib/ROW        open, sixteen messages of 64 KiB that wait there, close            rows with feed
//
// Short polling is in none but connect and receive_1mib: what a message waits for there is its interval.
// Counters are per operation: server_cpu_ns, wire_up and wire_down (bytes with TCP/IP headers, from the
// client's TCP_INFO), segments (both ways), client_calls (system calls of the client's loop). Costs, never
// latency under load.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "bench/lockstep/lockstep.h"
#include "bench/micro/benchmark_main.h"
#include "bench/micro/paired_server.h"
#include "clients/load/process_probe.h"
#include "core/codec/message.h"

namespace dragstrip::micro {
namespace {

constexpr std::size_t kPayloadBytes = 100;
constexpr std::size_t kBulkMessages = 16;
constexpr std::size_t kBulkBytes = 64u << 10;
constexpr std::uint64_t kHeaderBytes = 52;  // IPv4 and TCP with timestamps, a segment

std::string payload_of(std::size_t bytes) {
  std::string payload(bytes, ' ');
  write_message(std::span<char>(payload.data(), payload.size()), {.run = 1, .intended = Instant{}});
  return payload;
}

// A topic of its own for every benchmark run: repetitions must not see each other's messages.
std::string fresh_topic() {
  static int number = 0;
  return fmt::format("bench-{}", ++number);
}

ChannelOptions options_for(const PairedServer& server) {
  ChannelOptions options;
  options.peer = server.address();
  options.authority = server.address().text();
  options.poll_interval = std::chrono::milliseconds(1);
  return options;
}

// Reads both sides' meters around the timed loop and reports the difference per iteration.
class Meter {
 public:
  Meter(const PairedServer& server, Lockstep& client) : probe_(server.pid()), client_(client) {
    read(before_);
  }
  void report(benchmark::State& state) {
    Reading after;
    read(after);
    const auto per_op = [&](std::uint64_t from, std::uint64_t to) {
      return static_cast<double>(to - from) / static_cast<double>(state.iterations());
    };
    const Traffic& t0 = before_.traffic;
    const Traffic& t1 = after.traffic;
    const auto calls = [](const Traffic& t) { return t.reads + t.writes + t.polls + t.other_calls; };
    state.counters["server_cpu_ns"] = per_op(before_.server_cpu_ns, after.server_cpu_ns);
    state.counters["wire_up"] = per_op(t0.app_bytes_out + kHeaderBytes * t0.tcp_segments_out,
                                       t1.app_bytes_out + kHeaderBytes * t1.tcp_segments_out);
    state.counters["wire_down"] = per_op(t0.app_bytes_in + kHeaderBytes * t0.tcp_segments_in,
                                         t1.app_bytes_in + kHeaderBytes * t1.tcp_segments_in);
    state.counters["segments"] =
        per_op(t0.tcp_segments_in + t0.tcp_segments_out, t1.tcp_segments_in + t1.tcp_segments_out);
    state.counters["client_calls"] = per_op(calls(t0), calls(t1));
  }

 private:
  struct Reading {
    Traffic traffic;
    std::uint64_t server_cpu_ns = 0;
  };
  void read(Reading& into) {
    into.traffic = client_.host().traffic();
    into.server_cpu_ns = static_cast<std::uint64_t>(probe_.cpu_ns().value_or(0));
  }

  ProcessProbe probe_;
  Lockstep& client_;
  Reading before_;
};

void round_trip(benchmark::State& state, const Row& row) {
  const PairedServer& server = paired_server();
  Lockstep client(row, options_for(server));
  const std::string payload = payload_of(kPayloadBytes);
  if (!client.open() || !client.request(payload)) return state.SkipWithError(client.failure().c_str());
  Meter meter(server, client);
  for (auto _ : state) {
    if (client.request(payload)) continue;
    state.SkipWithError(client.failure().c_str());
    break;
  }
  meter.report(state);
}

void feed_message(benchmark::State& state, const Row& row) {
  const PairedServer& server = paired_server();
  const std::string topic = fresh_topic();
  const std::string payload = payload_of(kPayloadBytes);
  Lockstep publisher(*find_row("tcp"), options_for(server));
  Lockstep client(row, options_for(server));
  if (!publisher.open()) return state.SkipWithError(publisher.failure().c_str());
  if (!client.open()) return state.SkipWithError(client.failure().c_str());
  client.subscribe(topic, 0);
  const auto deliver = [&] {
    return publisher.publish(topic, payload) && client.wait_for_messages(client.message_count() + 1);
  };
  if (!deliver()) return state.SkipWithError(client.failure().c_str());
  Meter meter(server, client);
  for (auto _ : state) {
    if (deliver()) continue;
    state.SkipWithError(client.failure().empty() ? publisher.failure().c_str() : client.failure().c_str());
    break;
  }
  meter.report(state);
}

// Opens, takes what waits in `topic` (rows with feed) or makes one request, closes.
bool visit(Lockstep& client, const Row& row, const std::string& topic, std::uint64_t messages,
           const std::string& payload) {
  client.renew();
  if (!client.open()) return false;
  if (!row.feed) return client.request(payload);
  client.subscribe(topic, 0);
  return client.wait_for_messages(messages);
}

void visits(benchmark::State& state, const Row& row, std::size_t messages, std::size_t message_bytes) {
  const PairedServer& server = paired_server();
  const std::string topic = fresh_topic();
  const std::string payload = payload_of(message_bytes);
  Lockstep publisher(*find_row("tcp"), options_for(server));
  if (!publisher.open()) return state.SkipWithError(publisher.failure().c_str());
  for (std::size_t i = 0; i < messages; ++i) {
    if (!publisher.publish(topic, payload)) return state.SkipWithError(publisher.failure().c_str());
  }
  Lockstep client(row, options_for(server));
  if (!visit(client, row, topic, messages, payload)) return state.SkipWithError(client.failure().c_str());
  Meter meter(server, client);
  for (auto _ : state) {
    if (visit(client, row, topic, messages, payload)) continue;
    state.SkipWithError(client.failure().c_str());
    break;
  }
  meter.report(state);
  state.SetBytesProcessed(static_cast<std::int64_t>(messages * message_bytes) * state.iterations());
}

void register_all() {
  const auto add = [](const char* operation, const Row& row, auto function) {
    benchmark::RegisterBenchmark(fmt::format("{}/{}", operation, row.name).c_str(),
                                 [&row, function](benchmark::State& state) { function(state, row); })
        ->UseRealTime()
        ->Threads(1);
  };
  for (const Row& row : kRows) {
    if (row.rpc) add("round_trip", row, round_trip);
  }
  for (const Row& row : kRows) {
    if (row.feed && row.delivery != Delivery::short_poll) add("feed_message", row, feed_message);
  }
  for (const Row& row : kRows) {
    add("connect", row, [](benchmark::State& state, const Row& r) { visits(state, r, 1, kPayloadBytes); });
  }
  for (const Row& row : kRows) {
    if (!row.feed) continue;
    add("receive_1mib", row,
        [](benchmark::State& state, const Row& r) { visits(state, r, kBulkMessages, kBulkBytes); });
  }
}

}  // namespace
}  // namespace dragstrip::micro

int main(int argc, char** argv) {
  return dragstrip::micro::benchmark_main(argc, argv, dragstrip::micro::register_all);
}
