// Lanes that a test scripts: what the channel asked for is written down, what comes back is said by the test.
//
// Checks the channel's side of the contract of Lane: no start() while busy, nothing asked of a closed lane. A
// piece of a body is a fresh heap copy, gone when the call returns, so that AddressSanitizer sees a channel
// that keeps a view of it.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clients/lane_source.h"
#include "core/transport/exchange.h"

namespace dragstrip::testing {

class FakeLane final : public Lane {
 public:
  struct Asked {
    Method method = Method::get;
    std::string target;
    std::string body;
    std::vector<std::pair<std::string, std::string>> fields;
    [[nodiscard]] std::string field(std::string_view name) const {
      for (const auto& [key, value] : fields) {
        if (key == name) return value;
      }
      return "(absent)";
    }
  };

  explicit FakeLane(LaneEvents& events) : events_(events) {}

  // What the channel did.
  std::vector<Asked> asked;
  int opens = 0;
  int cancels = 0;
  bool closed = false;
  [[nodiscard]] const Asked& last() const { return asked.back(); }

  // What happens to it.
  Instant now = kUnset;
  void finish_open() { events_.on_lane_open(now); }
  void lose(CloseReason reason) { events_.on_lane_lost(reason, now); }
  void sent() { running().on_exchange_sent(now); }
  void head(int status, std::string_view type = {}, std::string_view cursor = {}) {
    running().on_exchange_head({status, type, cursor}, now);
  }
  void body(std::string_view bytes) {
    auto piece = std::make_unique<char[]>(bytes.size() + 1);
    if (!bytes.empty()) std::memcpy(piece.get(), bytes.data(), bytes.size());
    if (exchange_ != nullptr) exchange_->on_exchange_body({piece.get(), bytes.size()}, now);
  }
  void end() { take_running().on_exchange_end(now); }
  void fail(Outcome outcome) { take_running().on_exchange_failed(outcome, now); }
  // A whole answer.
  void answer(int status, std::string_view type = {}, std::string_view bytes = {},
              std::string_view cursor = {}) {
    sent();
    head(status, type, cursor);
    if (!bytes.empty()) body(bytes);
    if (exchange_ != nullptr) end();
  }

  void open() override {
    ++opens;
    closed = false;
  }
  void start(const ClientRequest& request, ExchangeEvents& exchange) override {
    ASSERT_FALSE(busy()) << "start() of a busy lane: " << request.target;
    ASSERT_FALSE(closed) << "start() of a closed lane: " << request.target;
    Asked note{request.method, std::string(request.target), std::string(request.body), {}};
    for (const Field& f : request.extra) note.fields.emplace_back(std::string(f.name), std::string(f.value));
    asked.push_back(std::move(note));
    exchange_ = &exchange;
  }
  void cancel() override {
    ++cancels;
    exchange_ = nullptr;
  }
  void close() override {
    closed = true;
    exchange_ = nullptr;
  }
  [[nodiscard]] bool busy() const override { return exchange_ != nullptr; }
  [[nodiscard]] const ConnectPhases& phases() const override { return phases_; }

 private:
  ExchangeEvents& running() {
    if (exchange_ == nullptr) ADD_FAILURE() << "the test answers where nothing was asked";
    return *exchange_;
  }
  ExchangeEvents& take_running() {
    ExchangeEvents& exchange = running();
    exchange_ = nullptr;
    return exchange;
  }

  LaneEvents& events_;
  ExchangeEvents* exchange_ = nullptr;
  ConnectPhases phases_;
};

// Hands out fake lanes; they live as long as the channel that asked for them.
class FakeLanes final : public LaneSource {
 public:
  std::unique_ptr<Lane> make_lane(const ChannelOptions&, LaneEvents& events) override {
    auto lane = std::make_unique<FakeLane>(events);
    lanes_.push_back(lane.get());
    return lane;
  }
  FakeLane& operator[](std::size_t i) { return *lanes_.at(i); }
  [[nodiscard]] std::size_t size() const { return lanes_.size(); }

 private:
  std::vector<FakeLane*> lanes_;
};

}  // namespace dragstrip::testing
