#include "core/codec/websocket_handshake.h"

#include <openssl/evp.h>

#include <cstring>

#include "core/base/check.h"
#include "core/base/text.h"

namespace dragstrip {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // §1.3
constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Writes (n + 2) / 3 * 4 characters (RFC 4648 §4).
void write_base64(char* to, const unsigned char* from, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; i += 3) {
    const std::size_t held = n - i < 3 ? n - i : 3;
    std::uint32_t bits = std::uint32_t{from[i]} << 16;
    if (held > 1) bits |= std::uint32_t{from[i + 1]} << 8;
    if (held > 2) bits |= from[i + 2];
    *to++ = kDigits[bits >> 18 & 63];
    *to++ = kDigits[bits >> 12 & 63];
    *to++ = held > 1 ? kDigits[bits >> 6 & 63] : '=';
    *to++ = held > 2 ? kDigits[bits & 63] : '=';
  }
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_token_char(char c) noexcept {  // RFC 9110 §5.6.2
  if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) return true;
  return c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr;
}

bool is_value_char(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

// "HTTP/1.1 SP 3DIGIT SP reason"; 0 when it is not one. The space before an empty reason may be missing, as
// widely used servers leave it out.
int read_status_line(std::string_view line) noexcept {
  if (line.size() < 12 || line.substr(0, 9) != "HTTP/1.1 ") return 0;
  int status = 0;
  for (const char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return 0;
    status = status * 10 + (c - '0');
  }
  if (line.size() > 12 && line[12] != ' ') return 0;
  for (const char c : line.substr(12)) {
    if (!is_value_char(c)) return 0;
  }
  return status >= 100 && status <= 599 ? status : 0;
}

// What §4.1 wants to see in a 101.
struct Seen {
  int accepts = 0;
  bool accept_right = false;
  bool upgrade = false;
  bool connection = false;
  bool unasked = false;  // an extension or subprotocol that was not offered
};

bool read_field(std::string_view line, std::string_view accept, Seen& seen) noexcept {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  for (const char c : name) {
    if (!is_token_char(c)) return false;  // a space before the colon and a folded line too
  }
  const std::string_view value = trimmed(line.substr(colon + 1));
  for (const char c : value) {
    if (!is_value_char(c)) return false;
  }
  if (iequals(name, "upgrade")) seen.upgrade = seen.upgrade || iequals(value, "websocket");
  if (iequals(name, "connection")) seen.connection = seen.connection || has_list_token(value, "upgrade");
  if (iequals(name, "sec-websocket-accept")) {
    ++seen.accepts;
    seen.accept_right = value == accept;
  }
  const bool offers = iequals(name, "sec-websocket-extensions") || iequals(name, "sec-websocket-protocol");
  if (offers && !value.empty()) seen.unasked = true;
  return true;
}

}  // namespace

WsKey make_ws_key(Random& random) noexcept {
  std::array<unsigned char, 16> bytes{};
  const std::array<std::uint64_t, 2> drawn{random.next(), random.next()};
  std::memcpy(bytes.data(), drawn.data(), bytes.size());
  WsKey key;
  write_base64(key.text.data(), bytes.data(), bytes.size());
  return key;
}

bool is_ws_key(std::string_view text) noexcept {
  if (text.size() != kWsKeySize || text.substr(22) != "==") return false;
  for (const char c : text.substr(0, 22)) {
    if (kDigits.find(c) == std::string_view::npos) return false;
  }
  // 16 bytes leave four bits of the 22nd digit unused; RFC 4648 §3.5 lets us take them as they are.
  return true;
}

WsAccept ws_accept_value(std::string_view key) noexcept {
  std::array<char, kWsKeySize + 36> text{};
  DRAGSTRIP_CHECK(key.size() == kWsKeySize);
  std::memcpy(text.data(), key.data(), key.size());
  std::memcpy(text.data() + key.size(), kGuid.data(), kGuid.size());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const int done = EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  DRAGSTRIP_CHECK(done == 1 && size == 20);
  WsAccept accept;
  write_base64(accept.text.data(), digest.data(), size);
  return accept;
}

bool has_list_token(std::string_view list, std::string_view token) noexcept {
  while (true) {
    const std::size_t comma = list.find(',');
    if (iequals(trimmed(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

void append_ws_request(Buffer& out, std::string_view target, std::string_view authority,
                       std::string_view key) {
  out.append("GET ");
  out.append(target);
  out.append(" HTTP/1.1\r\nhost: ");
  out.append(authority);
  out.append("\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: ");
  out.append(key);
  out.append("\r\nsec-websocket-version: 13\r\n\r\n");
}

void append_ws_101(Buffer& out, std::string_view key) {
  out.append("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n");
  out.append("sec-websocket-accept: ");
  out.append(ws_accept_value(key).view());
  out.append("\r\n\r\n");
}

WsAnswerRead read_ws_answer(std::string_view bytes, std::string_view accept) noexcept {
  const std::size_t end = bytes.substr(0, kWsMaxAnswerHead).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return {bytes.size() >= kWsMaxAnswerHead ? WsAnswer::wrong : WsAnswer::more, 0, 0};
  }
  WsAnswerRead read{WsAnswer::wrong, 0, end + 4};
  std::string_view head = bytes.substr(0, end + 2);
  Seen seen;
  for (bool first = true; !head.empty(); first = false) {
    const std::size_t line_end = head.find("\r\n");
    const std::string_view line = head.substr(0, line_end);
    head.remove_prefix(line_end + 2);
    if (first) {
      read.status = read_status_line(line);
      if (read.status == 0) return read;
    } else if (!read_field(line, accept, seen)) {
      return read;
    }
  }
  if (read.status == 429 || read.status == 503) read.answer = WsAnswer::refused;
  const bool right =
      seen.upgrade && seen.connection && seen.accepts == 1 && seen.accept_right && !seen.unasked;
  if (read.status == 101 && right) read.answer = WsAnswer::accepted;
  return read;
}

}  // namespace dragstrip
