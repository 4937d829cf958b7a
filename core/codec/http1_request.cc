#include "core/codec/http1_request.h"

#include <charconv>
#include <cstring>

#include "core/base/text.h"

namespace dragstrip {

namespace {

Http1Scan fail(Http1RequestHead& head, int status, std::string_view reason) noexcept {
  head.error = {status, reason};
  return Http1Scan::failed;
}

bool parse_method(std::string_view name, Method& method) noexcept {
  // Methods are case-sensitive (RFC 9110 §9.1).
  if (name == "GET") return method = Method::get, true;
  if (name == "POST") return method = Method::post, true;
  if (name == "HEAD") return method = Method::head, true;
  if (name == "PUT") return method = Method::put, true;
  if (name == "DELETE") return method = Method::del, true;
  if (name == "OPTIONS") return method = Method::options, true;
  return false;
}

constexpr std::size_t kMethodMax = 16;

Http1Scan read_method(const char*& p, const char* end, Http1RequestHead& head) noexcept {
  const char* const start = p;
  for (; p < end && *p != ' '; ++p) {
    const auto c = static_cast<unsigned char>(*p);
    const bool token = c > 0x20 && c < 0x7f && std::strchr("\"(),/:;<=>?@[\\]{}", c) == nullptr;
    if (!token) return fail(head, 400, "malformed request line");
    if (static_cast<std::size_t>(p - start) == kMethodMax) return fail(head, 501, "unknown method");
  }
  if (p == end) return Http1Scan::incomplete;
  if (p == start) return fail(head, 400, "malformed request line");
  const std::string_view name(start, static_cast<std::size_t>(p - start));
  if (!parse_method(name, head.method)) return fail(head, 501, "unknown method");
  ++p;
  return Http1Scan::complete;
}

// origin-form, absolute-form with http, or "*" with OPTIONS (RFC 9112 §3.2).
bool split_target(std::string_view target, Http1RequestHead& head) noexcept {
  constexpr std::string_view kScheme = "http://";
  if (iequals(target.substr(0, kScheme.size()), kScheme)) {
    target.remove_prefix(kScheme.size());
    const std::size_t authority = std::min(target.find_first_of("/?"), target.size());
    if (authority == 0 || target.substr(0, authority).find('@') != std::string_view::npos) return false;
    target.remove_prefix(authority);
    if (target.empty() || target.front() == '?') {
      head.path = "/";
      head.query = target.empty() ? target : target.substr(1);
      return true;
    }
  } else if (target == "*") {
    head.path = target;
    return head.method == Method::options;
  }
  if (target.front() != '/') return false;
  const std::size_t mark = target.find('?');
  head.path = target.substr(0, mark);
  head.query = mark == std::string_view::npos ? target.substr(target.size()) : target.substr(mark + 1);
  return true;
}

Http1Scan read_target(const char*& p, const char* end, Http1RequestHead& head) noexcept {
  const char* const start = p;
  const char* const too_far =
      static_cast<std::size_t>(end - p) > kHttp1TargetMax ? p + kHttp1TargetMax + 1 : end;
  for (; p < too_far && *p != ' '; ++p) {
    const auto c = static_cast<unsigned char>(*p);
    if (c <= 0x20 || c >= 0x7f || c == '#') return fail(head, 400, "malformed request target");
  }
  if (static_cast<std::size_t>(p - start) > kHttp1TargetMax)
    return fail(head, 414, "request target too long");
  if (p == end) return Http1Scan::incomplete;
  const std::string_view target(start, static_cast<std::size_t>(p - start));
  if (target.empty() || !split_target(target, head)) return fail(head, 400, "malformed request target");
  ++p;
  return Http1Scan::complete;
}

Http1Scan read_version(const char*& p, const char* end, Http1RequestHead& head) noexcept {
  constexpr std::string_view kName = "HTTP/";
  constexpr std::size_t kLine = 10;  // HTTP/1.1 and CRLF
  const std::string_view line(p, std::min(static_cast<std::size_t>(end - p), kLine));
  if (line == "HTTP/1.1\r\n") {
    p += kLine;
    return Http1Scan::complete;
  }
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool good = i < 5    ? c == kName[i]
                      : i == 6 ? c == '.'
                      : i < 8  ? digit(c)
                               : c == (i == 8 ? '\r' : '\n');
    if (!good) return fail(head, 400, "malformed protocol version");
    if (i == 7 && line[5] != '1') return fail(head, 505, "only HTTP/1.x is spoken here");
  }
  if (line.size() < kLine) return Http1Scan::incomplete;
  head.version_1_0 = line[7] == '0';
  p += kLine;
  return Http1Scan::complete;
}

// What needs the whole head (RFC 9112 §3.2, §6.1, §6.3; RFC 9110 §10.1.1).
Http1Scan judge(std::uint64_t body_max, Http1RequestHead& head) noexcept {
  const Http1Fields& fields = head.fields;
  if (fields.host_count > 1 || (fields.host_count == 0 && !head.version_1_0)) {
    return fail(head, 400, "exactly one host field is needed");
  }
  if (!fields.host_is_valid) return fail(head, 400, "malformed host");
  if (fields.has_transfer_encoding) {
    if (head.version_1_0) return fail(head, 400, "transfer-encoding in HTTP/1.0");
    if (fields.content_length_count != 0) return fail(head, 400, "transfer-encoding and content-length");
    if (!fields.chunked_is_last) return fail(head, 400, "the last transfer coding is not chunked");
    if (fields.chunked_codings != 1) return fail(head, 400, "chunked twice");
    if (fields.codings != 1) return fail(head, 501, "unknown transfer coding");
    head.body = Http1Body::chunked;
  } else if (fields.content_length_count != 0) {
    if (fields.content_length > body_max) return fail(head, 413, "body too large");
    if (fields.content_length != 0) head.body = Http1Body::length;
  }
  if (fields.expect_other && !head.version_1_0) return fail(head, 417, "unknown expectation");
  head.expect_continue = fields.expect_continue && !head.version_1_0 && head.body != Http1Body::none;
  head.keep_alive = !fields.close && (!head.version_1_0 || fields.keep_alive);
  head.upgrade_websocket = fields.upgrade_websocket && fields.upgrade && !head.version_1_0 &&
                           head.method == Method::get && head.body == Http1Body::none;
  return Http1Scan::complete;
}

Http1Scan read_head(std::string_view bytes, std::uint64_t body_max, Http1RequestHead& head,
                    bool& in_fields) noexcept {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  if (p < end && *p == '\r') {  // one CRLF before the request line is skipped (RFC 9112 §2.2)
    if (end - p < 2) return Http1Scan::incomplete;
    if (p[1] != '\n') return fail(head, 400, "malformed request line");
    p += 2;
  }
  if (const Http1Scan scan = read_method(p, end, head); scan != Http1Scan::complete) return scan;
  if (const Http1Scan scan = read_target(p, end, head); scan != Http1Scan::complete) return scan;
  if (const Http1Scan scan = read_version(p, end, head); scan != Http1Scan::complete) return scan;
  in_fields = true;
  if (const Http1Scan scan = head.fields.parse(p, end, head.error); scan != Http1Scan::complete) return scan;
  head.size = static_cast<std::size_t>(p - bytes.data());
  return judge(body_max, head);
}

}  // namespace

Http1Scan parse_http1_request_head(std::string_view bytes, std::uint64_t body_max,
                                   Http1RequestHead& head) noexcept {
  bool in_fields = false;
  const Http1Scan scan = read_head(bytes.substr(0, kHttp1RequestHeadMax), body_max, head, in_fields);
  if (scan != Http1Scan::incomplete || bytes.size() < kHttp1RequestHeadMax) return scan;
  return in_fields ? fail(head, 431, "head too large") : fail(head, 414, "request line too long");
}

void Http1RequestDecoder::reset() noexcept {
  state_ = State::head;
  chunked_ = false;
  length_ = 0;
  head_.clear();
  head_.shrink();
  body_.clear();
  body_.shrink(4096);
  chunks_.start();
}

Http1RequestEncoder::Http1RequestEncoder(std::string_view authority, bool close) {
  tail_ = " HTTP/1.1\r\nhost: ";
  tail_ += authority;
  tail_ += "\r\n";
  if (close) tail_ += "connection: close\r\n";
  tail_ += "\r\n";
}

void Http1RequestEncoder::append(Buffer& out, Method method, std::string_view target,
                                 std::span<const Field> extra, std::string_view body) const {
  const std::string_view name = name_of(method);
  const bool with_length = !body.empty() || method == Method::post || method == Method::put;
  constexpr std::string_view kLength = "content-length: ";
  std::size_t size = name.size() + 1 + target.size() + tail_.size() + kLength.size() + 22 + body.size();
  for (const Field& field : extra) size += field.name.size() + field.value.size() + 4;

  char* const start = out.prepare(size);
  char* p = start;
  const auto put = [&p](std::string_view bytes) {
    std::memcpy(p, bytes.data(), bytes.size());
    p += bytes.size();
  };
  put(name);
  *p++ = ' ';
  put(target);
  if (!with_length && extra.empty()) {
    put(tail_);
    out.commit(static_cast<std::size_t>(p - start));
    return;
  }
  put(std::string_view(tail_).substr(0, tail_.size() - 2));
  for (const Field& field : extra) {
    put(field.name);
    put(": ");
    put(field.value);
    put("\r\n");
  }
  if (with_length) {
    put(kLength);
    p = std::to_chars(p, p + 20, body.size()).ptr;
    put("\r\n");
  }
  put("\r\n");
  if (!body.empty()) put(body);
  out.commit(static_cast<std::size_t>(p - start));
}

}  // namespace dragstrip
