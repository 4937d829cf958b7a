// The table of rows: which deliveries run over which carriers. Everything that enumerates transports (the
// factories, the matrix test, `dragstrip list`, the schema, chart identity, the README) iterates over
// kRows; nothing keeps a second list.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace dragstrip {

enum class Delivery : std::uint8_t { request, short_poll, long_poll, http_stream, sse, websocket, tcp };
enum class Carrier : std::uint8_t { h1_close, h1, h2, none };  // none: the tcp floor has no HTTP below it

struct Row {
  std::string_view name;
  Delivery delivery;
  Carrier carrier;
  bool rpc;   // can carry `request`
  bool feed;  // can carry `subscribe` and `publish`: feed and chat
  bool push;  // the server sends without being asked
  std::string_view spec;
  std::string_view summary;
};

inline constexpr std::array kRows{
    Row{"tcp", Delivery::tcp, Carrier::none, true, true, true, "RFC 9293",
        "raw length-prefixed messages: the floor every row is compared with"},
    Row{"request/h1-close", Delivery::request, Carrier::h1_close, true, false, false, "RFC 9112",
        "plain request and response, one connection each"},
    Row{"request/h1", Delivery::request, Carrier::h1, true, false, false, "RFC 9112",
        "plain request and response on kept-alive connections"},
    Row{"request/h2", Delivery::request, Carrier::h2, true, false, false, "RFC 9113",
        "plain request and response, multiplexed on one connection"},
    Row{"short-poll/h1-close", Delivery::short_poll, Carrier::h1_close, false, true, false, "RFC 6202 2.1",
        "ask every interval, a new connection each time"},
    Row{"short-poll/h1", Delivery::short_poll, Carrier::h1, false, true, false, "RFC 6202 2.1",
        "ask every interval on a kept-alive connection"},
    Row{"long-poll/h1", Delivery::long_poll, Carrier::h1, false, true, false, "RFC 6202 2.1",
        "ask, be parked until there is news, ask again"},
    Row{"http-stream/h1", Delivery::http_stream, Carrier::h1, false, true, true, "RFC 6202 2.2",
        "one endless chunked answer, a message a line"},
    Row{"sse/h1", Delivery::sse, Carrier::h1, false, true, true, "WHATWG HTML 9.2",
        "Server-Sent Events on a connection of their own"},
    Row{"http-stream/h2", Delivery::http_stream, Carrier::h2, false, true, true, "RFC 9113",
        "HTTP/2 multiplexing: many endless answers share one connection"},
    Row{"sse/h2", Delivery::sse, Carrier::h2, false, true, true, "WHATWG HTML 9.2, RFC 9113",
        "Server-Sent Events multiplexed on one connection"},
    Row{"websocket/h1", Delivery::websocket, Carrier::h1, true, true, true, "RFC 6455",
        "WebSocket after an h1 upgrade"},
};

constexpr const Row* find_row(std::string_view name) noexcept {
  for (const Row& row : kRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace dragstrip
