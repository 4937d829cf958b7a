// Costs of the parts without sockets: codecs, histogram, topic log, schedule. One iteration is one message,
// head or sample. Lockstep costs, never latency under load.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/micro/benchmark_main.h"
#include "clients/load/histogram.h"
#include "clients/load/recorder.h"
#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/base/schedule.h"
#include "core/codec/http1_request.h"
#include "core/codec/http1_response.h"
#include "core/codec/lines.h"
#include "core/codec/lines_decoder.h"
#include "core/codec/message.h"
#include "core/codec/sse.h"
#include "core/codec/sse_decoder.h"
#include "core/codec/tcp_frame.h"
#include "core/codec/utf8.h"
#include "core/codec/websocket.h"
#include "core/transport/topic_log.h"

namespace dragstrip::micro {
namespace {

void payload_sizes(benchmark::internal::Benchmark* b) {
  b->Arg(100)->Arg(1024)->Arg(16384);
}

std::string payload_of(const benchmark::State& state) {
  std::string payload(static_cast<std::size_t>(state.range(0)), ' ');
  write_message(std::span<char>(payload.data(), payload.size()), {.run = 1, .seq = 7, .intended = Instant{}});
  return payload;
}

void set_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

// ------------------------------------------------------------------------------------------- HTTP/1.1

constexpr std::string_view kSmallAnswer =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 20 Nov 2026 18:00:00 GMT\r\nContent-Type: "
    "text/plain\r\n"
    "Content-Length: 17\r\nConnection: keep-alive\r\n\r\nhello, dragstrip\n";
constexpr std::string_view kSmallRequest =
    "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 16\r\n\r\n0123456789abcdef";

struct AnswerSink {
  bool on_http1_head(const Http1ResponseHead& head) {
    benchmark::DoNotOptimize(head.status);
    return true;
  }
  bool on_http1_body(std::string_view body) {
    benchmark::DoNotOptimize(body.data());
    return true;
  }
};

struct RequestSink {
  void on_http1_request(const Http1RequestHead&, std::string_view body) {
    ++requests;
    benchmark::DoNotOptimize(body.data());
  }
  void on_http1_continue() {}
  void on_http1_error(const Http1Error&) {}
  std::int64_t requests = 0;
};

void http1_response_decode(benchmark::State& state) {
  Http1ResponseDecoder decoder;
  AnswerSink sink;
  for (auto _ : state) {
    decoder.start(false);
    if (decoder.feed(kSmallAnswer, sink).state != Http1Fed::complete) state.SkipWithError("not complete");
  }
  set_bytes(state, kSmallAnswer.size());
}
BENCHMARK(http1_response_decode);

void http1_request_decode(benchmark::State& state) {
  Http1RequestDecoder decoder;
  RequestSink sink;
  for (auto _ : state) benchmark::DoNotOptimize(decoder.feed(kSmallRequest, sink));
  if (sink.requests != state.iterations()) state.SkipWithError("not complete");
  set_bytes(state, kSmallRequest.size());
}
BENCHMARK(http1_request_decode);

void http1_answer_encode(benchmark::State& state) {
  Buffer out;
  Http1AnswerHead head;
  head.content_type = "text/plain";
  head.body = Http1Body::length;
  head.content_length = 100;
  for (auto _ : state) {
    append_http1_answer_head(out, head);
    benchmark::DoNotOptimize(out.data());
    out.clear();
  }
}
BENCHMARK(http1_answer_encode);

// -------------------------------------------------------------------------------------------- websocket

struct WsSink {
  bool on_message(WsOpcode, std::string_view payload) {
    bytes += payload.size();
    return true;
  }
  bool on_ping(std::string_view) { return true; }
  bool on_pong(std::string_view) { return true; }
  bool on_close(WsCloseCode, std::string_view) { return true; }
  std::size_t bytes = 0;
};

void websocket_encode_masked(benchmark::State& state) {
  const std::string payload = payload_of(state);
  WsMaskKeys keys(1);
  Buffer out;
  for (auto _ : state) {
    const WsMaskKey key = keys.next();
    append_ws_frame(out, WsOpcode::text, payload, &key);
    benchmark::DoNotOptimize(out.data());
    out.clear();
  }
  set_bytes(state, payload.size());
}
BENCHMARK(websocket_encode_masked)->Apply(payload_sizes);

void websocket_decode(benchmark::State& state, WsRole role) {
  const std::string payload = payload_of(state);
  const WsMaskKey key{1, 2, 3, 4};
  Buffer frame;
  append_ws_frame(frame, WsOpcode::text, payload, role == WsRole::server ? &key : nullptr);
  WebsocketDecoder decoder(role);
  WsSink sink;
  for (auto _ : state) {
    if (decoder.feed(frame.view(), sink) != kWsNoError) state.SkipWithError("refused");
  }
  if (sink.bytes != payload.size() * static_cast<std::size_t>(state.iterations()))
    state.SkipWithError("lost bytes");
  set_bytes(state, payload.size());
}
BENCHMARK_CAPTURE(websocket_decode, masked, WsRole::server)->Apply(payload_sizes);
BENCHMARK_CAPTURE(websocket_decode, unmasked, WsRole::client)->Apply(payload_sizes);

void utf8_check(benchmark::State& state) {
  const std::string payload = payload_of(state);
  for (auto _ : state) benchmark::DoNotOptimize(is_utf8(payload));
  set_bytes(state, payload.size());
}
BENCHMARK(utf8_check)->Apply(payload_sizes);

// ------------------------------------------------------------------------------------ lines and events

void sse_encode(benchmark::State& state) {
  const std::string payload = payload_of(state);
  Buffer out;
  for (auto _ : state) {
    encode_sse_message(out, 123456, payload, false);
    benchmark::DoNotOptimize(out.data());
    out.clear();
  }
  set_bytes(state, payload.size());
}
BENCHMARK(sse_encode)->Apply(payload_sizes);

void sse_decode(benchmark::State& state) {
  Buffer event;
  encode_sse_message(event, 123456, payload_of(state), false);
  SseDecoder decoder;
  for (auto _ : state) {
    std::string_view input = event.view();
    SseEvent out;
    if (decoder.next(input, out) != SseDecoder::Step::event) state.SkipWithError("no event");
    benchmark::DoNotOptimize(out.data.data());
  }
  set_bytes(state, event.size());
}
BENCHMARK(sse_decode)->Apply(payload_sizes);

void line_decode(benchmark::State& state) {
  Buffer text;
  encode_line(text, payload_of(state), false);
  LinesDecoder decoder;
  for (auto _ : state) {
    std::string_view input = text.view();
    Line out;
    if (decoder.next(input, out) != LinesDecoder::Step::message) state.SkipWithError("no line");
    benchmark::DoNotOptimize(out.payload.data());
  }
  set_bytes(state, text.size());
}
BENCHMARK(line_decode)->Apply(payload_sizes);

// ------------------------------------------------------------------------- payload, log, instruments

void message_write(benchmark::State& state) {
  std::string payload(static_cast<std::size_t>(state.range(0)), ' ');
  std::uint64_t seq = 0;
  for (auto _ : state) {
    write_message(std::span<char>(payload.data(), payload.size()),
                  {.run = 1, .seq = ++seq, .intended = Instant{}});
    benchmark::DoNotOptimize(payload.data());
  }
  set_bytes(state, payload.size());
}
BENCHMARK(message_write)->Apply(payload_sizes);

void message_read(benchmark::State& state) {
  const std::string payload = payload_of(state);
  for (auto _ : state) {
    if (read_message(payload).check != MessageCheck::ok) state.SkipWithError("corrupt");
  }
  set_bytes(state, payload.size());
}
BENCHMARK(message_read)->Apply(payload_sizes);

void topic_log_append(benchmark::State& state) {
  const std::string payload = payload_of(state);
  TopicLog log;
  for (auto _ : state) benchmark::DoNotOptimize(log.append(payload));
  set_bytes(state, payload.size());
}
BENCHMARK(topic_log_append)->Apply(payload_sizes);

void histogram_record(benchmark::State& state) {
  Histogram histogram;
  std::uint64_t k = 0;
  for (auto _ : state) histogram.record(static_cast<std::int64_t>(mix64(++k) >> 40));
  if (histogram.count() != k) state.SkipWithError("lost samples");
}
BENCHMARK(histogram_record);

void histogram_quantile(benchmark::State& state) {
  Histogram histogram;
  for (std::uint64_t k = 0; k < 100'000; ++k) histogram.record(static_cast<std::int64_t>(mix64(k) >> 40));
  for (auto _ : state) benchmark::DoNotOptimize(histogram.quantile(0.99));
}
BENCHMARK(histogram_quantile);

// All that is recorded of one request of a closed loop: what `--count-only` leaves out, but for the check.
void recorder_operation(benchmark::State& state) {
  Recorder recorder({.window = Duration{1'000'000'000}, .timeout = Duration{1'000'000'000}});
  const Instant zero = instant_from_ns(1'000'000'000);
  recorder.open_window(zero);
  std::uint64_t k = 0;
  for (auto _ : state) {
    const std::uint64_t draw = mix64(++k);
    const auto some = [draw](unsigned shift) {
      return Duration{static_cast<std::int64_t>(draw >> shift & 0x3fff)};
    };
    const Instant intended = zero + Duration{static_cast<std::int64_t>(k & 0xfffffff)};
    const Instant sent = intended + some(0), readable = sent + Duration{200'000} + some(10);
    const Instant received = readable + some(20);
    const Release release{kUnset, intended - some(30), intended};
    recorder.scheduled(intended);
    recorder.released(intended, intended - release.due, intended);
    Cutter cutter = cut_sending(intended, release, intended, sent, received);
    recorder.finished(intended, Outcome::ok, received, sent, 100, &cutter.finish(readable));
    recorder.received_in_window(received);
  }
  if (!recorder.balanced() || recorder.count(Outcome::ok) != k) state.SkipWithError("lost operations");
}
BENCHMARK(recorder_operation);

void schedule_next(benchmark::State& state, Arrival arrival) {
  Schedule schedule({.arrival = arrival, .rate_per_s = 1000, .seed = 1});
  for (auto _ : state) benchmark::DoNotOptimize(schedule.next());
}
BENCHMARK_CAPTURE(schedule_next, constant, Arrival::constant);
BENCHMARK_CAPTURE(schedule_next, poisson, Arrival::poisson);

}  // namespace
}  // namespace dragstrip::micro

int main(int argc, char** argv) {
  return dragstrip::micro::benchmark_main(argc, argv, nullptr);
}
