// Event streams: any cut, the algorithm of WHATWG HTML §9.2.6 written down slowly as oracle, and what our
// server writes is read.
#include "core/codec/sse.h"

#include <vector>

#include "core/codec/sse_decoder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/utf8_oracle.h"

namespace dragstrip::fuzz {
namespace {

void note_event(std::string& trace, std::string_view type, std::string_view id, std::string_view data) {
  note(trace, type);
  note(trace, id);
  note(trace, data);
}

void note_end(std::string& trace, std::string_view last_id, std::string_view retry) {
  note(trace += "end ", last_id);
  note(trace, retry);
}

std::string decoded(std::string_view body, const testing::Chunking& chunking) {
  SseDecoder decoder;
  std::string trace;
  testing::deliver(body, chunking, [&](std::string_view piece) {
    while (true) {
      SseEvent event;
      const SseDecoder::Step step = decoder.next(piece, event);
      FUZZ_CHECK(decoder.buffered_bytes() <= 2 * SseDecoder::kMaxEventBytes, "holds more than it may");
      if (step == SseDecoder::Step::need_more) {
        FUZZ_CHECK(piece.empty(), "wants more and left some");
        return true;
      }
      if (step == SseDecoder::Step::too_large) {
        trace += "too large";
        return false;
      }
      note_event(trace, event.type, event.id, event.data);
    }
  });
  if (trace.ends_with("too large")) return trace;
  const auto retry = decoder.retry_ms();
  note_end(trace, decoder.last_event_id(), retry ? std::to_string(*retry) : "none");
  return trace;
}

std::string slow(std::string_view body) {
  if (body.substr(0, 3) == "\xef\xbb\xbf") body.remove_prefix(3);
  std::vector<std::string> lines;
  std::string line;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\r' && body[i] != '\n') {
      line += body[i];
      continue;
    }
    lines.push_back(std::exchange(line, {}));
    if (body[i] == '\r' && i + 1 < body.size() && body[i + 1] == '\n') ++i;
  }
  std::string trace, data, type, id, last_id, retry = "none";
  for (const std::string& whole : lines) {
    if (whole.empty()) {
      last_id = id;
      if (!data.empty())
        note_event(trace, type.empty() ? "message" : type, id, data.substr(0, data.size() - 1));
      data.clear();
      type.clear();
      continue;
    }
    if (whole.front() == ':') continue;
    const std::size_t colon = whole.find(':');
    const std::string field = whole.substr(0, colon);
    std::string value = colon == std::string::npos ? "" : whole.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.erase(0, 1);
    if (field == "retry" && !value.empty() && value.find_first_not_of("0123456789") == std::string::npos) {
      // The limit of 64 bits is ours; leading zeros are not digits that count.
      const std::size_t first = value.find_first_not_of('0');
      const std::string number = first == std::string::npos ? "0" : value.substr(first);
      const std::string most = std::to_string(~0ull);
      if (number.size() < most.size() || (number.size() == most.size() && number <= most)) retry = number;
    }
    value = slow_repair(value);
    const bool held = field == "event" || (field == "id" && value.find('\0') == std::string::npos);
    if (held && value.size() > SseDecoder::kMaxIdBytes) return trace + "too large";
    if (field == "data") data += value + "\n";
    if (field == "event") type = value;
    if (field == "id" && held) id = value;
  }
  note_end(trace, last_id, retry);
  return trace;
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const std::string_view body = in.rest();

  const std::string expected = slow(body);
  FUZZ_SAME(decoded(body, {"whole", {}}), expected, "whole");
  for_each_cut(body.size(), seed, [&](const testing::Chunking& chunking) {
    FUZZ_SAME(decoded(body, chunking), expected, chunking.name);
  });

  // As a payload: CR and CRLF arrive as LF, everything else as it is (payloads are UTF-8).
  const std::string payload = slow_repair(body);
  std::string arrives;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    arrives += payload[i] == '\r' ? '\n' : payload[i];
    if (payload[i] == '\r' && i + 1 < payload.size() && payload[i + 1] == '\n') ++i;
  }
  Buffer wire;
  encode_sse_message(wire, seed, payload, payload.find_first_of("\r\n") != std::string::npos);
  wire.append(kSseHeartbeat);
  encode_sse_lagged(wire, seed);
  std::string sent;
  note_event(sent, "message", std::to_string(seed), arrives);
  note_event(sent, "lagged", std::to_string(seed), std::to_string(seed));
  note_end(sent, std::to_string(seed), "none");
  FUZZ_SAME(decoded(wire.view(), {"whole", {}}), sent, "encoded and decoded");
}

}  // namespace dragstrip::fuzz
