#include "core/codec/http1_head.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>

#include "core/base/text.h"

namespace dragstrip {

namespace {

// A token character (RFC 9110 §5.6.2) as it is in lower case; 0 for everything else.
constexpr std::array<char, 256> make_token_table() noexcept {
  std::array<char, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")) {
    table[static_cast<unsigned char>(c)] = c;
  }
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = static_cast<char>(c + 32);
  return table;
}
constexpr std::array<char, 256> kTokenLower = make_token_table();

// A host with an optional port (RFC 9110 §7.2, RFC 3986 §3.2.2); the address itself is not looked at.
bool valid_host(std::string_view host) noexcept {
  std::string_view port;
  if (!host.empty() && host.front() == '[') {
    const std::size_t bracket = host.find(']');
    if (bracket == std::string_view::npos || bracket < 3) return false;
    for (const char c : host.substr(1, bracket - 1)) {
      const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      if (!hex && c != ':' && c != '.') return false;
    }
    port = host.substr(bracket + 1);
    if (!port.empty() && port.front() != ':') return false;
  } else {
    const std::size_t colon = host.find(':');
    if (colon == 0 || host.empty()) return false;
    constexpr std::string_view kAllowed = "-._~!$&'()*+,;=%";
    for (const char c : host.substr(0, colon)) {
      const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (!alnum && kAllowed.find(c) == std::string_view::npos) return false;
    }
    if (colon != std::string_view::npos) port = host.substr(colon);
  }
  if (port.empty()) return true;
  port.remove_prefix(1);
  return port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void count_up(std::uint8_t& counter) noexcept {
  if (counter < 255) ++counter;
}

}  // namespace

const char* find_http1_control(const char* at, const char* end) noexcept {
  // Eight bytes at a time: the lowest set high bit marks the first byte below 0x20 or equal to 0x7f. Borrows
  // run upwards only, so what they spoil lies behind the first hit.
  if constexpr (std::endian::native == std::endian::little) {
    constexpr std::uint64_t kOnes = 0x0101010101010101u;
    constexpr std::uint64_t kHighs = 0x8080808080808080u;
    while (end - at >= 8) {
      std::uint64_t word;
      std::memcpy(&word, at, 8);
      const std::uint64_t del = word ^ (kOnes * 0x7f);
      const std::uint64_t hits = (((word - kOnes * 0x20) & ~word) | ((del - kOnes) & ~del)) & kHighs;
      if (hits == 0) {
        at += 8;
        continue;
      }
      at += std::countr_zero(hits) >> 3;
      if (*at != '\t') return at;
      ++at;
    }
  }
  for (; at < end; ++at) {
    const auto byte = static_cast<unsigned char>(*at);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return at;
  }
  return end;
}

Http1Scan Http1Fields::parse(const char*& at, const char* end, Http1Error& error) noexcept {
  const auto fail = [&error](int status, std::string_view reason) {
    error = {status, reason};
    return Http1Scan::failed;
  };
  const char* p = at;
  while (true) {
    if (p == end) return Http1Scan::incomplete;
    if (*p == '\r') {
      if (end - p < 2) return Http1Scan::incomplete;
      if (p[1] != '\n') return fail(400, "CR without LF in the head");
      at = p + 2;
      return Http1Scan::complete;
    }
    char* const name = names_ + names_used_;
    const std::size_t room = kHttp1NamesMax - names_used_;
    const char* const name_end = static_cast<std::size_t>(end - p) <= room ? end : p + room;
    const char* const start = p;
    char* lower = name;
    while (p < name_end) {
      const char c = kTokenLower[static_cast<unsigned char>(*p)];
      if (c == 0) break;
      *lower++ = c;
      ++p;
    }
    if (p == name_end) {
      return name_end == end ? Http1Scan::incomplete : fail(431, "field names too long");
    }
    // Also refuses white space before the colon (RFC 9112 §5.1) and obs-fold (§5.2).
    if (*p != ':' || p == start) return fail(400, "malformed field name");
    ++p;
    while (p < end && (*p == ' ' || *p == '\t')) ++p;
    const char* const value = p;
    p = find_http1_control(p, end);
    if (p == end) return Http1Scan::incomplete;
    if (*p != '\r') return fail(400, "control character in a field");
    if (end - p < 2) return Http1Scan::incomplete;
    if (p[1] != '\n') return fail(400, "CR without LF in a field");
    const char* value_end = p;
    while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
    p += 2;

    if (count_ == kHttp1FieldsMax) return fail(431, "too many fields");
    const Field field{{name, static_cast<std::size_t>(lower - name)},
                      {value, static_cast<std::size_t>(value_end - value)}};
    new (storage_ + count_ * sizeof(Field)) Field(field);
    ++count_;
    names_used_ += field.name.size();
    if (!note(field.name, field.value, error)) return Http1Scan::failed;
    at = p;
  }
}

bool Http1Fields::note(std::string_view name, std::string_view value, Http1Error& error) noexcept {
  switch (name.size()) {
    case 4:
      if (name == "host") {
        count_up(host_count);
        host_is_valid = host_is_valid && valid_host(value);
      }
      break;
    case 6:
      if (name == "expect") (iequals(value, "100-continue") ? expect_continue : expect_other) = true;
      break;
    case 7:
      if (name == "upgrade") {
        for_each_http1_element(value, [this](std::string_view protocol) {
          if (iequals(protocol, "websocket")) upgrade_websocket = true;
        });
      }
      break;
    case 10:
      if (name == "connection") note_connection(value);
      break;
    case 14:
      if (name == "content-length") return note_content_length(value, error);
      break;
    case 17:
      if (name == "transfer-encoding") note_transfer_encoding(value);
      break;
    default:
      break;
  }
  return true;
}

bool Http1Fields::note_content_length(std::string_view value, Http1Error& error) noexcept {
  // A list, even of equal numbers, and a second field are refused (RFC 9112 §6.3 allows it): no honest peer
  // of ours sends them, and two readers that disagree about them are how requests are smuggled.
  const auto length = parse_u64(value);
  if (!length || content_length_count != 0) {
    error = {400, length ? "more than one content-length" : "malformed content-length"};
    return false;
  }
  content_length = *length;
  count_up(content_length_count);
  return true;
}

void Http1Fields::note_transfer_encoding(std::string_view value) noexcept {
  has_transfer_encoding = true;
  for_each_http1_element(value, [this](std::string_view coding) {
    chunked_is_last = iequals(coding, "chunked");  // parameters and empty elements make it something else
    count_up(codings);
    if (chunked_is_last) count_up(chunked_codings);
  });
}

void Http1Fields::note_connection(std::string_view value) noexcept {
  for_each_http1_element(value, [this](std::string_view option) {
    if (iequals(option, "close")) close = true;
    if (iequals(option, "keep-alive")) keep_alive = true;
    if (iequals(option, "upgrade")) upgrade = true;
  });
}

bool Http1PartialHead::add(std::string_view bytes, std::size_t max) {
  const bool after_cr = !bytes_.empty() && bytes_.view().back() == '\r';
  bytes = bytes.substr(0, max - std::min(max, bytes_.size()));
  bytes_.append(bytes);
  // A control character ends a line or breaks it; what follows a CR decides about it.
  return after_cr || bytes_.size() >= max ||
         find_http1_control(bytes.data(), bytes.data() + bytes.size()) != bytes.data() + bytes.size();
}

}  // namespace dragstrip
