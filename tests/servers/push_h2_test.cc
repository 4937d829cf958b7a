// http-stream and SSE over HTTP/2: the same bytes as over HTTP/1.1 but for the framing, which is counted here
// (measurement.md V1: bytes beside the payload, tolerance 0).
#include <gtest/gtest.h>

#include <map>

#include "tests/servers/sim_server.h"

namespace dragstrip::test {
namespace {

std::string frame(char type, char flags, char stream, std::string_view payload) {
  std::string bytes{'\0', '\0', static_cast<char>(payload.size()), type, flags, '\0', '\0', '\0', stream};
  return bytes.append(payload);
}

// Preface, SETTINGS with INITIAL_WINDOW_SIZE 2^24, WINDOW_UPDATE of the connection by 2^24.
std::string opening() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, std::string_view("\0\4\1\0\0\0", 6)) +
         frame(8, 0, 0, std::string_view("\1\0\0\0", 4));
}

// HEADERS with END_STREAM and END_HEADERS; fields of the static table and two literals (RFC 7541 §6).
std::string h2_get(char stream, std::string_view path) {
  std::string block = "\x82\x86";  // :method GET, :scheme http
  block.append({'\x04', static_cast<char>(path.size())}).append(path);
  block.append("\x01\x01t");  // :authority t
  return frame(1, 5, stream, block);
}

struct Received {
  std::map<int, std::string> data;     // by stream
  std::map<int, std::size_t> on_wire;  // DATA frames with their headers
  std::map<int, int> heads;
};

Received parse(std::string_view bytes) {
  Received got;
  const auto byte = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  while (bytes.size() >= 9) {
    const std::size_t size = static_cast<std::size_t>(byte(0) << 16 | byte(1) << 8 | byte(2));
    const int stream = byte(8);
    if (bytes.size() < 9 + size) ADD_FAILURE() << "a frame was cut short";
    if (byte(3) == 0) {
      got.data[stream].append(bytes.substr(9, size));
      got.on_wire[stream] += 9 + size;
    }
    if (byte(3) == 1) ++got.heads[stream];
    bytes.remove_prefix(std::min(bytes.size(), 9 + size));
  }
  return got;
}

TEST(WireBytes, of_pushed_messages_over_http2) {
  SimServer s;
  Topic& topic = *s.hub.topic("t");
  for (int i = 0; i < 100'000; ++i) topic.publish("x");
  RawClient& client = s.connect();
  client.send(opening() + h2_get(1, "/stream?topic=t&after=now") + h2_get(3, "/events?topic=t&after=now"));
  s.settle();
  Received got = parse(client.take());
  EXPECT_EQ(got.heads[1], 1);
  EXPECT_EQ(got.heads[3], 1);
  EXPECT_TRUE(got.data.empty());
  struct {
    std::size_t payload, stream, sse;
  } const cases[] = {{100, 10, 28}, {126, 10, 28}, {1024, 10, 28}, {65'536, 46, 64}};
  std::uint64_t id = 100'000;
  for (const auto& c : cases) {
    const std::string payload(c.payload, 'p');
    topic.publish(payload);
    s.settle();
    got = parse(client.take());
    EXPECT_EQ(got.data[1], payload + "\n");
    EXPECT_EQ(got.data[3], "id: " + std::to_string(++id) + "\ndata: " + payload + "\n\n");
    EXPECT_EQ(got.on_wire[1] - c.payload, c.stream) << c.payload;
    EXPECT_EQ(got.on_wire[3] - c.payload, c.sse) << c.payload;
  }
  s.world.run_for(15s);
  got = parse(client.take());
  EXPECT_EQ(got.data[1], "\n");
  EXPECT_EQ(got.on_wire[1], 10u);
  EXPECT_EQ(got.data[3], ":\n");
  EXPECT_EQ(got.on_wire[3], 11u);
}

TEST(Http2Streams, that_are_reset_free_their_places_one_by_one) {
  SimServer s;
  RawClient& client = s.connect();
  client.send(opening() + h2_get(1, "/stream?topic=t&after=0") + h2_get(3, "/events?topic=t&after=0") +
              h2_get(5, "/long-poll?topic=t&after=0") + h2_get(7, "/stream?topic=t&after=0"));
  s.settle();
  EXPECT_EQ(s.hub.topic("t")->subscribers(), 4u);
  for (const char stream : {'\1', '\3', '\5'})
    client.send(frame(3, 0, stream, std::string_view("\0\0\0\x8", 4)));
  s.settle();
  EXPECT_EQ(s.hub.topic("t")->subscribers(), 1u);
  EXPECT_EQ(s.server->router().parked_polls(), 0u);
  EXPECT_EQ(s.server->router().push_streams(), 1u);
  client.take();
  s.publish("t", "still here");
  s.settle();
  Received got = parse(client.take());
  EXPECT_EQ(got.data.size(), 1u);
  EXPECT_EQ(got.data[7], "still here\n");
  client.close(CloseHow::abort);
  s.settle();
  EXPECT_EQ(s.hub.topic("t")->subscribers(), 0u);
}

}  // namespace
}  // namespace dragstrip::test
