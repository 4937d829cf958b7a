// The opening handshake: the answer's verdict does not depend on how much of it was there, keys and accept
// values against a slow base64, and the server's own 101 is accepted by the client.
#include "core/codec/websocket_handshake.h"

#include <openssl/sha.h>

#include "core/codec/http1_request.h"
#include "servers/websocket_handshake.h"
#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Bit by bit.
std::string slow_base64(std::string_view bytes) {
  std::string bits;
  for (const char c : bytes) {
    for (int i = 7; i >= 0; --i) bits += (static_cast<unsigned char>(c) >> i & 1) != 0 ? '1' : '0';
  }
  while (bits.size() % 6 != 0) bits += '0';
  std::string out;
  for (std::size_t i = 0; i < bits.size(); i += 6) out += kDigits[std::stoul(bits.substr(i, 6), nullptr, 2)];
  while (out.size() % 4 != 0) out += '=';
  return out;
}

std::string slow_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return slow_base64({reinterpret_cast<const char*>(digest), sizeof digest});
}

bool same(const WsAnswerRead& a, const WsAnswerRead& b) {
  return a.answer == b.answer && a.status == b.status && a.head_size == b.head_size;
}

// What the server says to a request that came as `bytes`; the check must agree with the h1 parser's own idea.
void check_request(std::string_view bytes) {
  struct Events {
    void on_http1_request(const Http1RequestHead& head, std::string_view) {
      Request request;
      request.path = head.path;
      request.query = head.query;
      request.fields = head.fields.span();
      const UpgradeCheck check = check_ws_upgrade(request);
      const bool known =
          check.status == 101 || check.status == 400 || check.status == 403 || check.status == 426;
      FUZZ_CHECK(known, "a status of the contract");
      FUZZ_CHECK(check.problem.empty() == (check.status == 101), "says what is wrong");
      if (check.status != 101) return;
      FUZZ_CHECK(is_ws_key(check.key), "a key that is one");
      FUZZ_CHECK(has_list_token(head.fields.find("upgrade").value_or(""), "websocket") ||
                     head.fields.upgrade_websocket,
                 "an upgrade that was asked for");
    }
    void on_http1_continue() {}
    void on_http1_error(const Http1Error&) {}
  } events;
  Http1RequestDecoder decoder;
  static_cast<void>(decoder.feed(bytes, events));
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const std::string_view bytes = in.rest();
  const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";
  const std::string accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";  // RFC 6455 §1.3

  const WsAnswerRead whole = read_ws_answer(bytes, accept);
  FUZZ_CHECK(whole.head_size <= bytes.size(), "consumed more than given");
  if (whole.answer == WsAnswer::accepted) FUZZ_CHECK(whole.status == 101 && whole.head_size != 0, "accepted");
  for (std::size_t n = 0; n < bytes.size(); n += 1 + seed % 7) {
    const std::string prefix(bytes.substr(0, n));  // a copy: the sanitizer sees who reads on
    const WsAnswerRead part = read_ws_answer(prefix, accept);
    FUZZ_CHECK(part.answer == WsAnswer::more || same(part, whole), "a verdict that more bytes change");
  }
  check_request(bytes);

  const std::string_view first = bytes.substr(0, kWsKeySize);
  bool is_key = first.size() == kWsKeySize && first.substr(22) == "==";
  for (const char c : first.substr(0, 22)) is_key = is_key && kDigits.find(c) != std::string_view::npos;
  FUZZ_CHECK(is_ws_key(first) == is_key, "what a key is");
  if (first.size() == kWsKeySize)
    FUZZ_SAME(std::string(ws_accept_value(first).view()), slow_accept(first), "accept");
  Random random(seed);
  const WsKey made = make_ws_key(random);
  FUZZ_CHECK(is_ws_key(made.view()), "made by us");
  Buffer answer;
  append_ws_101(answer, made.view());
  const std::size_t head_size = answer.size();
  answer.append(bytes);
  const WsAnswerRead own = read_ws_answer(answer.view(), slow_accept(made.view()));
  FUZZ_CHECK(own.answer == WsAnswer::accepted && own.head_size == head_size, "our own 101");
  Buffer request;
  append_ws_request(request, "/ws?topic=t", "h:1", made.view());
  Http1RequestHead head;
  FUZZ_CHECK(
      parse_http1_request_head(request.view(), 0, head) == Http1Scan::complete && head.upgrade_websocket,
      "our own request");
}

}  // namespace dragstrip::fuzz
