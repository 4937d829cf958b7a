// The chunked coding: any cut, RFC 9112 §7.1 read slowly as oracle, and bodies that were encoded come back.
#include "core/codec/http1_chunk.h"

#include <cstring>

#include "core/base/text.h"
#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {
namespace {

struct Outcome {
  std::string data;
  Http1Fed state = Http1Fed::more;
  std::size_t consumed = 0;  // when complete
  bool operator==(const Outcome&) const = default;
};

Outcome decoded(std::string_view bytes, Http1ChunkDecoder::Count count, const testing::Chunking& chunking) {
  Http1ChunkDecoder decoder(count);
  decoder.start();
  Outcome outcome;
  testing::deliver(bytes, chunking, [&](std::string_view piece) {
    const Http1Step step = decoder.feed(piece, [&outcome](std::string_view data) {
      FUZZ_CHECK(!data.empty(), "an empty piece");
      outcome.data += data;
      return true;
    });
    FUZZ_CHECK(step.consumed <= piece.size(), "consumed more than given");
    outcome.state = step.state;
    outcome.consumed += step.consumed;
    if (step.state == Http1Fed::more) {
      FUZZ_CHECK(step.consumed == piece.size(), "wants more and left some");
    }
    return step.state == Http1Fed::more;
  });
  if (outcome.state != Http1Fed::complete) outcome.consumed = 0;
  return outcome;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

bool good_trailer(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (line.size() < 2 || line.substr(line.size() - 2) != "\r\n") return false;
  if (colon == 0 || colon == std::string_view::npos) return false;
  for (const char c : line.substr(0, colon)) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum && (c == '\0' || std::strchr("!#$%&'*+-.^_`|~", c) == nullptr)) return false;
  }
  for (const char c : line.substr(colon + 1, line.size() - 2 - (colon + 1))) {
    if (is_control(c)) return false;
  }
  return !iequals(line.substr(0, colon), "content-length") &&
         !iequals(line.substr(0, colon), "transfer-encoding");
}

// Reads from the front of `left`; more: it ended too early.
class SlowReader {
 public:
  SlowReader(std::string_view bytes, Http1ChunkDecoder::Count count) : left_(bytes), count_(count) {}

  Outcome run(std::size_t whole_size) {
    Outcome outcome;
    std::uint64_t size = 0;
    while ((outcome.state = read_size(size)) == Http1Fed::complete) {
      if (size == 0) {
        outcome.state = read_trailers();
        if (outcome.state == Http1Fed::complete) outcome.consumed = whole_size - left_.size();
        return outcome;
      }
      const std::string_view data =
          left_.substr(0, size < left_.size() ? static_cast<std::size_t>(size) : left_.size());
      outcome.data += data;
      left_.remove_prefix(data.size());
      outcome.state = data.size() < size ? Http1Fed::more : expect("\r\n");
      if (outcome.state != Http1Fed::complete) return outcome;
    }
    return outcome;
  }

 private:
  Http1Fed expect(std::string_view what) {
    for (const char c : what) {
      if (left_.empty()) return Http1Fed::more;
      if (left_.front() != c) return Http1Fed::failed;
      left_.remove_prefix(1);
    }
    return Http1Fed::complete;
  }

  Http1Fed read_size(std::uint64_t& size) {
    size = 0;
    unsigned digits = 0;
    for (; !left_.empty() && std::isxdigit(static_cast<unsigned char>(left_.front())) != 0; ++digits) {
      if (digits == Http1ChunkDecoder::kSizeDigitsMax) return Http1Fed::failed;
      size = size * 16 + std::stoul(std::string(left_.substr(0, 1)), nullptr, 16);
      left_.remove_prefix(1);
    }
    if (left_.empty()) return Http1Fed::more;
    if (digits == 0) return Http1Fed::failed;
    if (left_.front() == ';') {
      if (count_ == Http1ChunkDecoder::Count::one_chunk) extension_ = 0;
      left_.remove_prefix(1);
      while (!left_.empty() && left_.front() != '\r') {
        if (++extension_ > Http1ChunkDecoder::kExtensionsMax || is_control(left_.front()))
          return Http1Fed::failed;
        left_.remove_prefix(1);
      }
      if (left_.empty()) return Http1Fed::more;
      if (++extension_ > Http1ChunkDecoder::kExtensionsMax) return Http1Fed::failed;
    }
    return expect("\r\n");
  }

  Http1Fed read_trailers() {
    std::size_t bytes = 0, fields = 0;
    while (true) {
      const std::size_t lf = left_.find('\n');
      const std::size_t size = lf == std::string_view::npos ? left_.size() : lf + 1;
      bytes += size;
      if (bytes > Http1ChunkDecoder::kTrailersMax) return Http1Fed::failed;
      if (lf == std::string_view::npos) return Http1Fed::more;
      const std::string_view line = left_.substr(0, size);
      left_.remove_prefix(size);
      if (line == "\r\n") return Http1Fed::complete;
      if (++fields > Http1ChunkDecoder::kTrailerFieldsMax || !good_trailer(line)) return Http1Fed::failed;
    }
  }

  std::string_view left_;
  Http1ChunkDecoder::Count count_;
  std::size_t extension_ = 0;
};

void same(const Outcome& a, const Outcome& b, const std::string& how) {
  FUZZ_SAME(a.data, b.data, how);
  FUZZ_CHECK(a.state == b.state, how);
  FUZZ_CHECK(a.consumed == b.consumed, how);
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const auto count =
      in.byte() % 2 == 0 ? Http1ChunkDecoder::Count::whole_message : Http1ChunkDecoder::Count::one_chunk;
  const std::string_view bytes = in.rest();

  const Outcome expected = SlowReader(bytes, count).run(bytes.size());
  same(decoded(bytes, count, {"whole", {}}), expected, "whole");
  for_each_cut(bytes.size(), seed, [&](const testing::Chunking& chunking) {
    same(decoded(bytes, count, chunking), expected, chunking.name);
  });

  Random random(mix64(seed));
  Buffer wire;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = std::min(bytes.size() - at, 1 + random.below(300));
    append_http1_chunk_prefix(wire, n);
    wire.append(bytes.substr(at, n));
    wire.append(kHttp1ChunkEnd);
    at += n;
  }
  wire.append(kHttp1LastChunk);
  const Outcome back = decoded(wire.view(), count, {"whole", {}});
  FUZZ_SAME(back.data, std::string(bytes), "encoded and decoded");
  FUZZ_CHECK(back.state == Http1Fed::complete && back.consumed == wire.size(), "its end");
}

}  // namespace dragstrip::fuzz
