#include "bench/counters/codec_works.h"

#include <cstring>
#include <string_view>

#include "core/base/bytes.h"
#include "core/codec/http1_request.h"
#include "core/codec/http1_response.h"
#include "core/codec/lines.h"
#include "core/codec/lines_decoder.h"
#include "core/codec/message.h"
#include "core/codec/sse.h"
#include "core/codec/sse_decoder.h"
#include "core/codec/tcp_frame.h"
#include "core/codec/utf8.h"
#include "core/codec/websocket.h"

namespace dragstrip::counters {

namespace {

// The suites' usual message, and one whose bytes weigh more than its framing.
constexpr std::size_t kSmall = 100;
constexpr std::size_t kLarge = 4096;
// No divisor of anything: pieces end inside of names, sizes and line ends.
constexpr std::size_t kPiece = 13;

// Read from copies on the heap: where the linker puts these must not matter.
constexpr std::string_view kRequest =
    "POST /publish?topic=news HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: dragstrip\r\nAccept: */*\r\n"
    "Content-Type: text/plain\r\nContent-Length: 16\r\n\r\n0123456789abcdef";
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 20 Nov 2026 18:00:00 GMT\r\nContent-Type: "
    "text/plain\r\nContent-Length: 17\r\nConnection: keep-alive\r\n\r\nhello, dragstrip\n";

std::string payload(std::size_t size) {
  std::string text(size, ' ');
  write_message(std::span<char>(text.data(), text.size()), {.run = 1, .seq = 7, .intended = Instant{}});
  return text;
}

// ------------------------------------------------------------------------------------------- HTTP/1.1

struct RequestSink {
  void on_http1_request(const Http1RequestHead& head, std::string_view body) {
    whole += head.path == "/publish" && body.size() == 16 ? 1u : 0u;
  }
  void on_http1_continue() {}
  void on_http1_error(const Http1Error&) {}
  std::uint32_t whole = 0;
};

struct AnswerSink {
  bool on_http1_head(const Http1ResponseHead& head) { return head.status == 200; }
  bool on_http1_body(std::string_view body) {
    bytes += body.size();
    return true;
  }
  std::size_t bytes = 0;
};

CodecWork http1_request_decode(std::string name, std::size_t piece) {
  return repeat(std::move(name),
                [piece, text = std::string(kRequest), decoder = Http1RequestDecoder()]() mutable {
                  const std::string_view bytes = text;
                  RequestSink sink;
                  for (std::size_t at = 0; at < bytes.size(); at += piece)
                    decoder.feed(bytes.substr(at, piece), sink);
                  return sink.whole == 1;
                });
}

CodecWork http1_request_encode() {
  return repeat("http1_request_encode",
                [out = Buffer(), encoder = Http1RequestEncoder("127.0.0.1:8080", false)]() mutable {
                  out.clear();
                  encoder.append(out, Method::post, "/publish?topic=news", {}, "0123456789abcdef");
                  use(*out.data());
                  return out.size() > 60;
                });
}

CodecWork http1_answer_decode(std::string name, std::size_t piece) {
  return repeat(std::move(name),
                [piece, text = std::string(kAnswer), decoder = Http1ResponseDecoder()]() mutable {
                  const std::string_view bytes = text;
                  AnswerSink sink;
                  decoder.start(false);
                  Http1Step step;
                  for (std::size_t at = 0; at < bytes.size(); at += piece) {
                    step = decoder.feed(bytes.substr(at, piece), sink);
                  }
                  return step.state == Http1Fed::complete && sink.bytes == 17;
                });
}

CodecWork http1_answer_encode() {
  Http1AnswerHead head;
  head.content_type = "text/plain";
  head.body = Http1Body::length;
  head.content_length = kSmall;
  return repeat("http1_answer_encode", [head, out = Buffer()]() mutable {
    out.clear();
    append_http1_answer_head(out, head);
    use(*out.data());
    return out.size() > 40;
  });
}

void append_chunk(Buffer& out, std::string_view text) {
  append_http1_chunk_prefix(out, text.size());
  out.append(text);
  out.append(kHttp1ChunkEnd);
}

CodecWork chunk_encode() {
  return repeat("chunk_encode", [text = payload(kSmall), out = Buffer()]() mutable {
    out.clear();
    append_chunk(out, text);
    use(*out.data());
    return out.size() == kSmall + 6;
  });
}

// A chunk of an answer that has no end, as the pushing rows on HTTP/1.1 read them.
CodecWork chunk_decode(std::string name, std::size_t piece) {
  Buffer chunk;
  append_chunk(chunk, payload(kSmall));
  Http1ChunkDecoder fresh(Http1ChunkDecoder::Count::one_chunk);
  fresh.start();
  return repeat(std::move(name), [piece, chunk = std::move(chunk), decoder = std::move(fresh)]() mutable {
    std::size_t bytes = 0;
    for (std::size_t at = 0; at < chunk.size(); at += piece) {
      const Http1Step step = decoder.feed(chunk.view().substr(at, piece), [&](std::string_view data) {
        bytes += data.size();
        return true;
      });
      if (step.state != Http1Fed::more) return false;
    }
    return bytes == kSmall;
  });
}

// ------------------------------------------------------------------------------------------ WebSocket

struct WsSink {
  bool on_message(WsOpcode, std::string_view text) {
    bytes += text.size();
    return true;
  }
  bool on_ping(std::string_view) { return true; }
  bool on_pong(std::string_view) { return true; }
  bool on_close(WsCloseCode, std::string_view) { return true; }
  std::size_t bytes = 0;
};

CodecWork websocket_encode(std::string name, std::size_t size, bool masked) {
  return repeat(std::move(name),
                [masked, text = payload(size), keys = WsMaskKeys(1), out = Buffer()]() mutable {
                  out.clear();
                  if (masked) {
                    const WsMaskKey key = keys.next();
                    append_ws_frame(out, WsOpcode::text, text, &key);
                  } else {
                    append_ws_frame(out, WsOpcode::text, text);
                  }
                  use(*out.data());
                  return out.size() > text.size();
                });
}

CodecWork websocket_decode(std::string name, std::size_t size, WsRole role, std::size_t piece) {
  const WsMaskKey key{1, 2, 3, 4};
  Buffer frame;
  append_ws_frame(frame, WsOpcode::text, payload(size), role == WsRole::server ? &key : nullptr);
  return repeat(std::move(name),
                [piece, size, frame = std::move(frame), decoder = WebsocketDecoder(role)]() mutable {
                  WsSink sink;
                  for (std::size_t at = 0; at < frame.size(); at += piece) {
                    if (decoder.feed(frame.view().substr(at, piece), sink) != kWsNoError) return false;
                  }
                  return sink.bytes == size;
                });
}

CodecWork utf8_check() {
  std::string text;  // one, two and three bytes a character
  while (text.size() < kSmall) text += "push \xc3\xa9t\xc3\xa9 \xe2\x82\xac ";
  return repeat("utf8_check", [text] { return is_utf8(text); });
}

// ---------------------------------------------------------------------------- events, lines, tcp, payload

CodecWork sse_encode() {
  return repeat("sse_encode", [text = payload(kSmall), out = Buffer()]() mutable {
    out.clear();
    encode_sse_message(out, 123456, text, false);
    use(*out.data());
    return out.size() > text.size();
  });
}

CodecWork sse_decode(std::string name, std::size_t size, std::size_t piece) {
  Buffer event;
  encode_sse_message(event, 123456, payload(size), false);
  return repeat(std::move(name), [piece, size, event = std::move(event), decoder = SseDecoder()]() mutable {
    std::uint32_t events = 0;
    for (std::size_t at = 0; at < event.size(); at += piece) {
      std::string_view input = event.view().substr(at, piece);
      SseEvent out;
      if (decoder.next(input, out) == SseDecoder::Step::event && out.data.size() == size) ++events;
    }
    return events == 1;
  });
}

CodecWork line_encode() {
  return repeat("line_encode", [text = payload(kSmall), out = Buffer()]() mutable {
    out.clear();
    encode_line(out, text, false);
    use(*out.data());
    return out.size() == text.size() + 1;
  });
}

CodecWork line_decode() {
  Buffer line;
  encode_line(line, payload(kSmall), false);
  return repeat("line_decode", [line = std::move(line), decoder = LinesDecoder()]() mutable {
    std::string_view input = line.view();
    Line out;
    return decoder.next(input, out) == LinesDecoder::Step::message && out.payload.size() == kSmall;
  });
}

struct FrameSink {
  bool on_frame(TcpFrameType, std::string_view text) {
    bytes += text.size();
    return true;
  }
  std::size_t bytes = 0;
};

CodecWork tcp_frame_encode() {
  return repeat("tcp_frame_encode", [text = payload(kSmall), out = Buffer()]() mutable {
    out.clear();
    append_tcp_frame(out, TcpFrameType::echo, text);
    use(*out.data());
    return out.size() == text.size() + kTcpFrameHeadSize;
  });
}

CodecWork tcp_frame_decode() {
  Buffer frame;
  append_tcp_frame(frame, TcpFrameType::echo, payload(kSmall));
  return repeat("tcp_frame_decode", [frame = std::move(frame), decoder = TcpFrameDecoder()]() mutable {
    FrameSink sink;
    use(*frame.data());
    return decoder.feed(frame.view(), sink) && sink.bytes == kSmall;
  });
}

CodecWork message_write() {
  return repeat("message_write", [text = std::string(kSmall, ' '), seq = std::uint64_t{0}]() mutable {
    write_message(std::span<char>(text.data(), text.size()), {.run = 1, .seq = ++seq, .intended = Instant{}});
    use(*text.data());
    return text[0] == 'd';
  });
}

CodecWork message_read() {
  return repeat("message_read",
                [text = payload(kSmall)] { return read_message(text).check == MessageCheck::ok; });
}

}  // namespace

std::vector<CodecWork> codec_works() {
  constexpr std::size_t kWhole = std::string_view::npos >> 1;
  std::vector<CodecWork> works;
  works.push_back(http1_request_encode());
  works.push_back(http1_request_decode("http1_request_decode", kWhole));
  works.push_back(http1_request_decode("http1_request_decode_pieces", kPiece));
  works.push_back(http1_answer_encode());
  works.push_back(http1_answer_decode("http1_answer_decode", kWhole));
  works.push_back(http1_answer_decode("http1_answer_decode_pieces", kPiece));
  works.push_back(chunk_encode());
  works.push_back(chunk_decode("chunk_decode", kWhole));
  works.push_back(chunk_decode("chunk_decode_pieces", kPiece));
  works.push_back(http2_request_work());
  works.push_back(http2_push_work());
  works.push_back(websocket_encode("websocket_encode", kSmall, false));
  works.push_back(websocket_encode("websocket_encode_masked", kSmall, true));
  works.push_back(websocket_encode("websocket_encode_masked_4k", kLarge, true));
  works.push_back(websocket_decode("websocket_decode", kSmall, WsRole::client, kWhole));
  works.push_back(websocket_decode("websocket_decode_masked", kSmall, WsRole::server, kWhole));
  works.push_back(websocket_decode("websocket_decode_masked_4k", kLarge, WsRole::server, kWhole));
  works.push_back(websocket_decode("websocket_decode_pieces", kSmall, WsRole::server, kPiece));
  works.push_back(utf8_check());
  works.push_back(sse_encode());
  works.push_back(sse_decode("sse_decode", kSmall, kWhole));
  works.push_back(sse_decode("sse_decode_4k", kLarge, kWhole));
  works.push_back(sse_decode("sse_decode_pieces", kSmall, kPiece));
  works.push_back(line_encode());
  works.push_back(line_decode());
  works.push_back(tcp_frame_encode());
  works.push_back(tcp_frame_decode());
  works.push_back(message_write());
  works.push_back(message_read());
  return works;
}

}  // namespace dragstrip::counters
