#include "core/codec/http1_response.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace dragstrip {

namespace {

Http1Scan fail(Http1ResponseHead& head, std::string_view reason) noexcept {
  head.error = {502, reason};
  return Http1Scan::failed;
}

// "HTTP/1.1 200 OK" CRLF; the reason may be empty, and some servers leave out the space before it.
Http1Scan read_status_line(const char*& p, const char* end, Http1ResponseHead& head) noexcept {
  constexpr std::string_view kPattern = "HTTP/1.d ddd";
  const std::string_view line(p, std::min(static_cast<std::size_t>(end - p), kPattern.size()));
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (kPattern[i] == 'd' ? c < '0' || c > '9' : c != kPattern[i])
      return fail(head, "malformed status line");
  }
  if (line.size() < kPattern.size()) return Http1Scan::incomplete;
  head.version_1_0 = line[7] == '0';
  head.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (head.status < 100 || head.status > 599) return fail(head, "status out of range");
  p += kPattern.size();

  if (p == end) return Http1Scan::incomplete;
  if (*p == ' ') {
    ++p;
  } else if (*p != '\r') {
    return fail(head, "malformed status line");
  }
  const char* const reason = p;
  p = find_http1_control(p, end);
  if (p == end) return Http1Scan::incomplete;
  if (*p != '\r') return fail(head, "control character in the status line");
  head.reason = {reason, static_cast<std::size_t>(p - reason)};
  if (end - p < 2) return Http1Scan::incomplete;
  if (p[1] != '\n') return fail(head, "CR without LF in the status line");
  p += 2;
  return Http1Scan::complete;
}

// RFC 9112 §6.3, with every doubtful framing refused.
Http1Scan judge(bool answers_head_request, Http1ResponseHead& head) noexcept {
  const Http1Fields& fields = head.fields;
  head.keep_alive = !fields.close && (!head.version_1_0 || fields.keep_alive);
  if (head.status < 200 || head.status == 204 || head.status == 304 || answers_head_request) {
    head.body = Http1Body::none;
    return Http1Scan::complete;
  }
  if (fields.has_transfer_encoding) {
    if (fields.content_length_count != 0) return fail(head, "transfer-encoding and content-length");
    if (fields.codings != 1 || !fields.chunked_is_last || head.version_1_0) {
      return fail(head, "unknown transfer coding");
    }
    head.body = Http1Body::chunked;
  } else if (fields.content_length_count != 0) {
    head.body = fields.content_length == 0 ? Http1Body::none : Http1Body::length;
  } else {
    head.body = Http1Body::until_close;
  }
  return Http1Scan::complete;
}

Http1Scan read_head(std::string_view bytes, bool answers_head_request, Http1ResponseHead& head) noexcept {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  if (const Http1Scan scan = read_status_line(p, end, head); scan != Http1Scan::complete) return scan;
  if (const Http1Scan scan = head.fields.parse(p, end, head.error); scan != Http1Scan::complete) return scan;
  head.size = static_cast<std::size_t>(p - bytes.data());
  return judge(answers_head_request, head);
}

// Whole status lines of the answers that are sent often.
std::string_view status_line(int status) noexcept {
  switch (status) {
    case 200:
      return "HTTP/1.1 200 OK\r\n";
    case 204:
      return "HTTP/1.1 204 No Content\r\n";
    default:
      return {};
  }
}

}  // namespace

Http1Scan parse_http1_response_head(std::string_view bytes, bool answers_head_request,
                                    Http1ResponseHead& head) noexcept {
  const Http1Scan scan = read_head(bytes.substr(0, kHttp1ResponseHeadMax), answers_head_request, head);
  if (scan != Http1Scan::incomplete || bytes.size() < kHttp1ResponseHeadMax) return scan;
  return fail(head, "head too large");
}

void Http1ResponseDecoder::start(bool answers_head_request) noexcept {
  state_ = State::head;
  framing_ = Http1Body::none;
  answers_head_request_ = answers_head_request;
  keep_alive_ = false;
  interim_ = 0;
  left_ = 0;
  head_.clear();
  error_ = {};
}

std::string_view http1_reason(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

void append_http1_answer_head(Buffer& out, const Http1AnswerHead& head) {
  std::size_t room = 256 + head.content_type.size() + head.connection.size();
  for (const Field& field : head.extra) room += field.name.size() + field.value.size() + 4;
  char* const start = out.prepare(room);
  char* p = start;
  const auto put = [&p](std::string_view bytes) {
    std::memcpy(p, bytes.data(), bytes.size());
    p += bytes.size();
  };
  if (const std::string_view line = status_line(head.status); !line.empty()) {
    put(line);
  } else {
    put("HTTP/1.1 ");
    p = std::to_chars(p, p + 11, head.status).ptr;
    *p++ = ' ';
    put(http1_reason(head.status));
    put("\r\n");
  }
  if (!head.content_type.empty()) {
    put("content-type: ");
    put(head.content_type);
    put("\r\n");
  }
  if (head.no_store) put("cache-control: no-store\r\n");
  for (const Field& field : head.extra) {
    put(field.name);
    put(": ");
    put(field.value);
    put("\r\n");
  }
  if (!head.connection.empty()) {
    put("connection: ");
    put(head.connection);
    put("\r\n");
  }
  if (head.body == Http1Body::length) {
    put("content-length: ");
    p = std::to_chars(p, p + 20, head.content_length).ptr;
    put("\r\n\r\n");
  } else {
    put(head.body == Http1Body::chunked ? "transfer-encoding: chunked\r\n\r\n" : "\r\n");
  }
  out.commit(static_cast<std::size_t>(p - start));
}

}  // namespace dragstrip
