#include "bench/counters/wire_tap.h"

#include <algorithm>

#include "core/base/allocation_counter.h"
#include "core/base/check.h"
#include "core/base/text.h"

namespace dragstrip::counters {

namespace {

constexpr std::size_t kHttp2Head = 9;  // RFC 9113 §4.1
constexpr std::size_t kHttp2Preface = 24;
constexpr int kHeaders = 1;
constexpr int kPushPromise = 5;
constexpr int kWindowUpdate = 8;
constexpr int kContinuation = 9;

std::size_t big_endian(std::string_view bytes) noexcept {
  std::size_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// The value of a field of an HTTP/1.1 head that we or nghttp2's like wrote: "name: value\r\n", lower case.
std::string_view field(std::string_view head, std::string_view name) noexcept {
  const std::size_t at = head.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = head.substr(at + name.size());
  return rest.substr(0, rest.find('\r'));
}

// An integer of RFC 7541 §5.1 with an n-bit prefix, taken off the front.
std::size_t take_integer(std::string_view& block, unsigned prefix_bits) {
  const std::size_t most = (std::size_t{1} << prefix_bits) - 1;
  std::size_t value = static_cast<unsigned char>(block[0]) & most;
  block.remove_prefix(1);
  if (value < most) return value;
  for (unsigned shift = 0;; shift += 7) {
    DRAGSTRIP_CHECK(!block.empty() && shift < 28);
    const auto byte = static_cast<unsigned char>(block[0]);
    block.remove_prefix(1);
    value += std::size_t{byte & 0x7fu} << shift;
    if ((byte & 0x80u) == 0) return value;
  }
}

void skip_string(std::string_view& block) {
  DRAGSTRIP_CHECK(!block.empty());
  const std::size_t size = take_integer(block, 7);
  DRAGSTRIP_CHECK(size <= block.size());
  block.remove_prefix(size);
}

}  // namespace

void WireTap::on_wire(std::uint32_t id, bool up, std::string_view bytes) {
  const UncountedAllocations ours;
  counts_.bytes[up] += bytes.size();
  const auto [found, fresh] = connections_.try_emplace(id);
  Connection& connection = found->second;
  Direction& way = connection.way[up];
  if (fresh) {
    ++counts_.connections;
    const char first = bytes.front();
    connection.kind = Kind::http1;
    if (static_cast<unsigned char>(first) < 0x10) connection.kind = Kind::tcp;
    if (bytes.substr(0, 3) == "PRI") {
      connection.kind = Kind::http2;
      connection.way[1].skip = kHttp2Preface;
    }
  }
  while (!bytes.empty()) {
    const std::size_t skipped = std::min(way.skip, bytes.size());
    way.skip -= skipped;
    bytes.remove_prefix(skipped);
    // A byte at a time: heads are short, and a body is never looked at.
    while (!bytes.empty() && way.skip == 0) {
      way.held += bytes.front();
      bytes.remove_prefix(1);
      if (next(connection, up)) way.held.clear();
    }
  }
}

// Whether `held` is a whole head; then the way's `skip` is what belongs to it.
bool WireTap::next(Connection& connection, bool up) {
  switch (connection.kind) {
    case Kind::tcp:
      return next_tcp(connection.way[up], up);
    case Kind::http1:
      return next_http1(connection, up);
    case Kind::http2:
      return next_http2(connection.way[up], up);
    case Kind::websocket:
      return next_websocket(connection.way[up], up);
  }
  return false;
}

bool WireTap::next_tcp(Direction& way, bool up) {
  if (way.held.size() < 4) return false;
  ++counts_.frames[up];
  way.skip = big_endian(std::string_view(way.held).substr(1));
  return true;
}

bool WireTap::next_http1(Connection& connection, bool up) {
  Direction& way = connection.way[up];
  if (way.at != At::head) return next_chunk(way, up);
  const std::string_view head = way.held;
  if (head.size() < 4 || head.substr(head.size() - 4) != "\r\n\r\n") return false;
  ++(up ? counts_.requests : counts_.responses);
  counts_.header_bytes[up] += head.size();
  start_http1_body(connection, up, head);
  return true;
}

void WireTap::start_http1_body(Connection& connection, bool up, std::string_view head) {
  Direction& way = connection.way[up];
  if (!up && head.substr(9, 3) == "101") connection.kind = Kind::websocket;
  if (!field(head, "transfer-encoding: ").empty()) {
    way.at = At::chunk_size;
  } else if (const std::string_view length = field(head, "content-length: "); !length.empty()) {
    way.skip = parse_u64(length).value_or(0);
  }
}

// RFC 9112 §7.1: size in hex, CRLF, so many bytes, CRLF; a chunk of size 0 is the last.
bool WireTap::next_chunk(Direction& way, bool up) {
  const std::string_view line = way.held;
  if (line.size() < 3 || line.substr(line.size() - 2) != "\r\n") return false;
  const std::size_t size = std::stoul(way.held, nullptr, 16);
  ++counts_.frames[up];
  way.skip = size + 2;
  if (size == 0) way.at = At::head;
  return true;
}

bool WireTap::next_http2(Direction& way, bool up) {
  if (way.held.size() < kHttp2Head) return false;
  const std::string_view held = way.held;
  const std::size_t length = big_endian(held.substr(0, 3));
  const auto type = static_cast<unsigned char>(held[3]);
  const bool fields = type == kHeaders || type == kContinuation;
  if (fields && held.size() < kHttp2Head + length) return false;
  ++counts_.frames[up];
  DRAGSTRIP_CHECK(type != kPushPromise);
  if (type == kWindowUpdate) ++counts_.window_updates;
  if (type == kHeaders) ++(up ? counts_.requests : counts_.responses);
  if (fields) {
    counts_.header_bytes[up] += length;
    read_fields(held.substr(kHttp2Head));
  } else {
    way.skip = length;
  }
  return true;
}

// RFC 7541 §6. Neither end pads or sends priorities, and no block of ours is continued.
void WireTap::read_fields(std::string_view block) {
  while (!block.empty()) {
    const auto first = static_cast<unsigned char>(block[0]);
    if ((first & 0x80u) != 0) {
      take_integer(block, 7);
    } else if ((first & 0xe0u) == 0x20u) {
      take_integer(block, 5);  // the table's size
    } else {
      const bool inserts = (first & 0x40u) != 0;
      if (take_integer(block, inserts ? 6 : 4) == 0) skip_string(block);
      skip_string(block);
      if (inserts) ++counts_.hpack_inserts;
    }
  }
}

bool WireTap::next_websocket(Direction& way, bool up) {
  if (way.held.size() < 2) return false;
  const auto second = static_cast<unsigned char>(way.held[1]);
  const std::size_t small = second & 0x7fu;
  const std::size_t extended = small == 126 ? 2 : small == 127 ? 8 : 0;
  const std::size_t head = 2 + extended + ((second & 0x80u) != 0 ? 4 : 0);
  if (way.held.size() < head) return false;
  ++counts_.frames[up];
  way.skip = extended == 0 ? small : big_endian(std::string_view(way.held).substr(2, extended));
  return true;
}

}  // namespace dragstrip::counters
