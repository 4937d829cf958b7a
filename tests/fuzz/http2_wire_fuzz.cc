// The layer over nghttp2 and its guard, in either role: the same events and the same output for any cut
// (while nothing is written in between, for what was written decides what the peer may do next), memory
// bounded, nothing behind the verdict, and no input whatever that breaks one of our assertions.
#include <algorithm>
#include <map>
#include <memory>

#include "core/codec/http2.h"
#include "tests/fuzz/http2_input.h"

namespace dragstrip::fuzz {
namespace {

struct Events {
  std::string trace;
  std::map<std::int32_t, std::string> bodies;  // of streams that did not come to their end
  Http2Wire* wire = nullptr;
  bool answers = false;  // submits a response as soon as a request is complete
  Http2Body body;
  std::size_t fields = 0;

  void on_begin_headers(std::int32_t id) { add("begin", id); }
  void on_field(std::int32_t id, std::string_view name, std::string_view value) {
    if (++fields > 2000) return;  // a header bomb: the handler counts and does not keep
    add("field", id);
    note(trace, name);
    note(trace, value);
  }
  void on_headers(std::int32_t id) {
    add("headers", id);
    fields = 0;
  }
  void on_data(std::int32_t id, std::string_view bytes) {
    FUZZ_CHECK(!bytes.empty(), "an empty piece of a body");
    FUZZ_CHECK(!wire->terminating(), "a body behind the verdict");
    bodies[id] += bytes;  // pieces carry no meaning
  }
  void on_remote_end(std::int32_t id) {
    add("end", id);
    note(trace, bodies[id]);
    bodies.erase(id);
    if (!answers) return;
    const Http2Field fields_of_answer[] = {http2_field(":status", "200", Http2Copy::none)};
    wire->submit_response(id, fields_of_answer, nullptr);
  }
  void on_stream_closed(std::int32_t id, std::uint32_t error) {
    trace += "\nclosed " + std::to_string(id) + ' ' + std::to_string(error);
  }
  void on_end_stream_written(std::int32_t, std::size_t) {}
  void on_body_written(std::size_t) {}
  void on_peer_settings() { add("settings", 0); }
  void on_peer_reset(std::int32_t id) { add("reset", id); }
  void on_goaway() { add("goaway", 0); }

 private:
  void add(const char* what, std::int32_t id) {
    FUZZ_CHECK(!wire->terminating(), "an event behind the verdict");
    trace += '\n';
    trace += what;
    trace += ' ' + std::to_string(id) + ' ';
  }
};

struct Run {
  std::string events;
  std::map<std::int32_t, std::string> bodies;
  std::string output;
};

Run run(std::string_view bytes, bool server, bool write_between, const testing::Chunking& chunking) {
  Events events;
  Http2Engine<Events> engine(server, {}, events);
  events.wire = &engine;
  events.answers = server && write_between;
  Buffer out;
  if (!server) {
    for (int i = 0; i < 3; ++i) {
      const Http2Field fields[] = {
          http2_field(":method", "GET", Http2Copy::none), http2_field(":scheme", "http", Http2Copy::none),
          http2_field(":authority", "a", Http2Copy::none), http2_field(":path", "/", Http2Copy::none)};
      FUZZ_CHECK(engine.submit_request(fields, nullptr, &events) == 1 + 2 * i, "a request of ours");
    }
    engine.pump(out, ~std::size_t{0});  // or the peer could not answer
  }
  std::size_t given = 0;
  bool alive = true;
  testing::deliver(bytes, chunking, [&](std::string_view piece) {
    given += piece.size();
    const bool good = engine.receive(piece, instant_from_ns(1'000'000'000));
    FUZZ_CHECK(alive || !good, "alive again");
    alive = alive && good;
    if (write_between) {
      engine.pump(out, 64u << 10);
      if (engine.finished()) return false;
    }
    FUZZ_CHECK(engine.memory().reserved_bytes() <= (1u << 20) + 40 * given, "memory out of proportion");
    return true;
  });
  while (!engine.pump(out, 64u << 10)) {
  }
  FUZZ_CHECK(alive || engine.finished(), "given up, written, and not finished");
  check_http2_output(std::string(out.view()), server ? 0 : kHttp2Preface.size(),
                     server ? "server" : "client");
  return {events.trace, events.bodies, std::string(out.view())};
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const unsigned choice = in.byte();
  const bool server = (choice & 1u) == 0;
  std::string bytes = http2_bytes(in, (choice & 2u) != 0, !server);
  if ((choice & 4u) == 0) {
    bytes.insert(0, testing::h2_settings());
    if (server) bytes.insert(0, kHttp2Preface);
  }
  const Run whole = run(bytes, server, false, {"whole", {}});
  for_each_cut(bytes.size(), seed, [&](const testing::Chunking& chunking) {
    const Run other = run(bytes, server, false, chunking);
    // Behind a GOAWAY that leaves nothing to do nghttp2 ignores what comes, but only from the next call on.
    const std::size_t goaway = whole.events.find("\ngoaway ");
    FUZZ_SAME(other.events.substr(0, goaway), whole.events.substr(0, goaway), chunking.name);
    // A piece that goes beyond content-length is refused whole: how much of it came before is up to the cuts.
    for (const auto& [id, body] : other.bodies) {
      const auto same = whole.bodies.find(id);
      const std::string_view there = same == whole.bodies.end() ? std::string_view() : same->second;
      const std::size_t size = std::min(body.size(), there.size());
      FUZZ_SAME(body.substr(0, size), there.substr(0, size), chunking.name);
    }
    if (goaway == std::string::npos) FUZZ_SAME(other.output, whole.output, chunking.name);
  });
  run(bytes, server, true, {"whole", {}});
  for_each_cut(bytes.size(), seed,
               [&](const testing::Chunking& chunking) { run(bytes, server, true, chunking); });
}

}  // namespace dragstrip::fuzz
