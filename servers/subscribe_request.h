// The topic that a subscribing or publishing HTTP request names and where in it to start, or what is wrong
// with them as an answer.
#pragma once

#include <string_view>

#include "servers/hub.h"
#include "servers/topic_query.h"

namespace dragstrip {

// Status 0: nothing is wrong.
struct RequestError {
  int status = 0;
  std::string_view line;  // static, ends with LF
  explicit operator bool() const noexcept { return status != 0; }
};

struct SubscribeRequest {
  Topic* topic = nullptr;
  StartAt at;

  // The number it starts behind, as of now.
  [[nodiscard]] Cursor cursor() const noexcept;
  // The client cannot know its cursor: a poll's answer must tell it.
  [[nodiscard]] bool cursor_unknown() const noexcept { return at.from_oldest || at.after == kTail; }
};

// `topic` only; the topic is made if it is new.
RequestError parse_topic(Hub& hub, std::string_view query, Topic*& topic);
// `topic` and `after`.
RequestError parse_subscribe(Hub& hub, std::string_view query, SubscribeRequest& out);

}  // namespace dragstrip
