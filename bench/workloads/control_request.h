// One request beside the measured traffic: start the feed, publish the first message, ask who the server is.
//
// Goes over a connection of its own: request/h1 whatever row is being measured, unless told otherwise. The
// caller runs the host until done(). Errors: failure() says why in a few words.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/transport/channel.h"

namespace dragstrip {

class ControlRequest final : public ChannelEvents {
 public:
  struct Target {
    Address peer;
    std::string authority;
    Method method = Method::get;
    std::string path;
    std::string query;
    std::string body;
  };

  ControlRequest(Host& host, const Target& target) : ControlRequest(host, target, "request/h1") {}
  ControlRequest(Host& host, const Target& target, std::string_view row);
  ~ControlRequest() override;

  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] bool ok() const noexcept { return done_ && outcome_ == Outcome::ok && !lost_; }
  [[nodiscard]] const std::string& answer() const noexcept { return answer_; }
  [[nodiscard]] bool nobody_listens() const noexcept { return lost_ == CloseReason::refused; }
  [[nodiscard]] std::string failure() const;
  // The server has said something in the row's own language, whatever it thinks of the request.
  [[nodiscard]] bool understood() const { return channel_ && channel_->phases().ready != kUnset; }

 private:
  void on_ready(Channel&, Instant) override;
  void on_message(Channel&, const MessageView&, Instant) override {}
  void on_done(Channel&, const Sample&, std::string_view answer) override;
  void on_lagged(Channel&, Cursor, Instant) override {}
  void on_delivery_error(Channel&, Outcome, Instant) override {}
  void on_lost(Channel&, CloseReason, Instant) override;

  std::string body_;
  std::unique_ptr<ChannelFactory> factory_;
  std::unique_ptr<Channel> channel_;
  bool done_ = false;
  Outcome outcome_ = Outcome::ok;
  std::optional<CloseReason> lost_;
  std::string answer_;
};

// The number behind `"name":` in a flat JSON object of our own server.
std::optional<std::uint64_t> json_number(std::string_view json, std::string_view name);
// The text behind `"name":"`.
std::optional<std::string_view> json_text(std::string_view json, std::string_view name);

}  // namespace dragstrip
