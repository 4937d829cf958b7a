// WS-01, the server's half: RFC 6455 §4.2.1 as a table.
#include "servers/websocket_handshake.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dragstrip {
namespace {

using Fields = std::vector<Field>;

const Fields kGood{{"host", "h"},
                   {"upgrade", "websocket"},
                   {"connection", "upgrade"},
                   {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="},
                   {"sec-websocket-version", "13"}};

Fields with(std::string_view name, std::string_view value) {
  Fields fields = kGood;
  for (Field& field : fields) {
    if (field.name == name) field.value = value;
  }
  return fields;
}
Fields without(std::string_view name) {
  Fields fields;
  for (const Field& field : kGood) {
    if (field.name != name) fields.push_back(field);
  }
  return fields;
}
Fields plus(std::string_view name, std::string_view value) {
  Fields fields = kGood;
  fields.push_back({name, value});
  return fields;
}

UpgradeCheck check(const Fields& fields, Method method = Method::get, std::string_view origin = {}) {
  Request request;
  request.method = method;
  request.path = "/ws";
  request.fields = fields;
  return check_ws_upgrade(request, origin);
}

TEST(WebsocketHandshake, WS_01_takes_lists_and_any_case) {
  EXPECT_EQ(check(kGood).status, 101);
  EXPECT_EQ(check(kGood).key, "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(check(with("upgrade", "WebSocket")).status, 101);
  EXPECT_EQ(check(with("upgrade", "h2c, websocket")).status, 101);
  EXPECT_EQ(check(with("connection", "keep-alive, Upgrade")).status, 101);
  EXPECT_EQ(check(plus("connection", "keep-alive")).status, 101);
  EXPECT_EQ(check(plus("sec-websocket-extensions", "permessage-deflate")).status, 101);
}

TEST(WebsocketHandshake, WS_01_a_missing_piece_is_400_and_another_version_426) {
  for (const char* name : {"upgrade", "connection", "sec-websocket-key", "sec-websocket-version"}) {
    const UpgradeCheck result = check(without(name));
    EXPECT_EQ(result.status, 400) << name;
    EXPECT_EQ(result.problem.back(), '\n') << name;
    EXPECT_TRUE(result.key.empty()) << name;
  }
  EXPECT_EQ(check(kGood, Method::post).status, 400);
  EXPECT_EQ(check(with("upgrade", "websockets")).status, 400);
  EXPECT_EQ(check(with("connection", "close")).status, 400);
  EXPECT_EQ(check(with("sec-websocket-key", "c2hvcnQ=")).status, 400);
  EXPECT_EQ(check(plus("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")).status, 400);
  EXPECT_EQ(check(plus("sec-websocket-version", "13")).status, 400);
  for (const char* version : {"8", "12", "14", "130", "", "13, 8"}) {
    EXPECT_EQ(check(with("sec-websocket-version", version)).status, 426) << version;
  }
}

TEST(WebsocketHandshake, WS_01_an_origin_that_is_not_allowed_is_403) {
  EXPECT_EQ(check(plus("origin", "http://evil.example")).status, 101);  // not checked unless asked for
  EXPECT_EQ(check(plus("origin", "http://evil.example"), Method::get, "http://good.example").status, 403);
  EXPECT_EQ(check(plus("origin", "http://good.example"), Method::get, "http://good.example").status, 101);
  EXPECT_EQ(check(kGood, Method::get, "http://good.example").status, 101);  // no browser
}

struct Answered final : ServerExchange {
  int status = 0;
  std::string body;
  std::string extra;
  void respond(const AnswerHead& head, std::string_view text) override {
    status = head.status;
    body = text;
    for (const Field& field : head.extra) extra += std::string(field.name) + ": " + std::string(field.value);
  }
  void begin(const AnswerHead&) override {}
  void write(std::span<const std::string_view>) override {}
  void end() override {}
  void reset() override {}
  [[nodiscard]] std::size_t unsent_bytes() const override { return 0; }
  void set_answerer(Answerer*) override {}
};

TEST(WebsocketHandshake, a_426_names_the_version_that_we_speak) {
  Answered answered;
  refuse_ws_upgrade(answered, check(with("sec-websocket-version", "8")));
  EXPECT_EQ(answered.status, 426);
  EXPECT_EQ(answered.extra, "sec-websocket-version: 13");
  Answered plain;
  refuse_ws_upgrade(plain, check(without("upgrade")));
  EXPECT_EQ(plain.status, 400);
  EXPECT_EQ(plain.extra, "");
  EXPECT_FALSE(plain.body.empty());
}

}  // namespace
}  // namespace dragstrip
