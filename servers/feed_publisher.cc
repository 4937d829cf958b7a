#include "servers/feed_publisher.h"

#include <vector>

#include "core/base/schedule.h"
#include "core/base/slices.h"
#include "core/base/text.h"
#include "core/codec/message.h"
#include "servers/answers.h"

namespace dragstrip {

namespace {

constexpr std::uint64_t kDefaultPayload = 100;
constexpr Duration kDefaultDuration{10'000'000'000};
constexpr Duration kMostDuration{3'600'000'000'000};
constexpr Duration kDefaultLead{10'000'000};
constexpr Duration kMostLead{10'000'000'000};
constexpr std::uint64_t kMostStartNs = std::uint64_t{1} << 62;
constexpr double kMostMessages = 0x1p36;  // what a message header can number

// Whether the parameter is absent, so that `value` keeps its default, or well-formed.
template <typename T>
bool take(std::string_view query, std::string_view name, std::optional<T> (*parse)(std::string_view),
          T& value) {
  const auto text = query_value(query, name);
  if (!text) return true;
  const std::optional<T> parsed = parse(*text);
  if (parsed) value = *parsed;
  return parsed.has_value();
}

}  // namespace

struct FeedPublisher::Plan {
  ScheduleSpec schedule{Arrival::poisson, 0, 1};  // a rate has no default
  std::uint64_t payload_bytes = kDefaultPayload;
  std::uint64_t run = 0;
  Duration duration = kDefaultDuration;
  Duration lead = kDefaultLead;
  std::uint64_t start_ns = 0;  // instead of `lead`; 0: absent
  std::optional<SliceSpec> slices;
};

class FeedPublisher::Feed final : public Deadlines::Item {
 public:
  Feed(FeedPublisher& house, Topic& topic, const Plan& plan, Instant start)
      : house_(house),
        topic_(topic),
        schedule_(plan.schedule),
        slices_(plan.slices ? std::optional<Slices>(*plan.slices) : std::nullopt),
        duration_(plan.duration),
        start_(start),
        run_(static_cast<std::uint32_t>(plan.run)),
        payload_(static_cast<std::size_t>(plan.payload_bytes)) {}
  ~Feed() override { house_.due_.clear(*this); }

  // False: the schedule is over before its next message.
  bool wait_for_next() {
    const Duration offset = due();
    if (offset >= duration_) return false;
    house_.due_.set(*this, start_ + offset);
    return true;
  }
  // Publishing may answer a parked poll, whose connection may bring a DELETE of this very feed.
  [[nodiscard]] bool publishing() const noexcept { return publishing_; }
  void stop_soon() { duration_ = Duration{0}; }

 private:
  // When the next message is due, from the start. Duration::max(): behind the last slice.
  [[nodiscard]] Duration due() const noexcept {
    return slices_ ? slices_->at(schedule_.peek()) : schedule_.peek();
  }
  void on_deadline(Instant now) override {
    if (house_.pauses_ != nullptr) {
      const Instant end = house_.pauses_->end_if_inside(now);
      if (end != kUnset) return house_.due_.set(*this, end);
    }
    publishing_ = true;
    for (std::uint32_t sent = 0; sent < kPerTurn; ++sent) {
      const Duration offset = due();
      if (offset >= duration_ || start_ + offset > now) break;
      MessageHeader header;
      header.run = run_;
      header.seq = schedule_.index();
      header.intended = start_ + offset;
      schedule_.next();
      header.appended = house_.host_.stamp();
      write_message(payload_, header);
      topic_.publish({payload_.data(), payload_.size()});
    }
    publishing_ = false;
    if (!wait_for_next()) house_.feeds_.erase(&topic_);  // destroys this
  }

  FeedPublisher& house_;
  Topic& topic_;
  Schedule schedule_;
  std::optional<Slices> slices_;
  Duration duration_;
  Instant start_;
  std::uint32_t run_;
  std::vector<char> payload_;
  bool publishing_ = false;
};

FeedPublisher::FeedPublisher(Host& host, Hub& hub, std::size_t limit)
    : host_(host), hub_(hub), limit_(limit), due_(host) {}

FeedPublisher::~FeedPublisher() = default;

RequestError FeedPublisher::parse(std::string_view query, Plan& plan) {
  if (!take(query, "rate", parse_double, plan.schedule.rate_per_s) || !(plan.schedule.rate_per_s > 0)) {
    return {400, "rate must be a number above 0\n"};
  }
  if (!take(query, "arrival", parse_arrival, plan.schedule.arrival)) {
    return {400, "arrival must be constant or poisson\n"};
  }
  if (!take(query, "payload", parse_u64, plan.payload_bytes) || plan.payload_bytes < kMessageHeaderSize ||
      plan.payload_bytes > TopicLog::kMaxPayload) {
    return {400, "payload must be 32 to 1048576\n"};
  }
  if (!take(query, "seed", parse_u64, plan.schedule.seed)) return {400, "seed must be a number\n"};
  if (!take(query, "run", parse_u64, plan.run) || plan.run >= 1u << 18) {
    return {400, "run must be a number below 262144\n"};
  }
  if (!take(query, "duration", parse_duration, plan.duration) || plan.duration > kMostDuration) {
    return {400, "duration must be like 500ms or 10s, at most 1h\n"};
  }
  if (!take(query, "lead", parse_duration, plan.lead) || plan.lead > kMostLead) {
    return {400, "lead must be like 10ms, at most 10s\n"};
  }
  if (const auto slices = query_value(query, "slices")) {
    plan.slices = parse_slices(*slices);
    if (!plan.slices) return {400, "slices must be like 10ms-1ms*48,0/2,77\n"};
  }
  if (!take(query, "start", parse_u64, plan.start_ns) || plan.start_ns > kMostStartNs) {
    return {400, "start must be nanoseconds of CLOCK_MONOTONIC\n"};
  }
  if (plan.schedule.rate_per_s * (static_cast<double>(to_ns(plan.duration)) * 1e-9) >= kMostMessages / 2) {
    return {400, "rate is too high: a feed has at most 2^35 messages\n"};
  }
  return {};
}

void FeedPublisher::on_post(ServerExchange& exchange, std::string_view query) {
  Topic* topic = nullptr;
  RequestError error = parse_topic(hub_, query, topic);
  Plan plan;
  if (!error) error = parse(query, plan);
  if (error) return answer_error(exchange, error.status, error.line);
  if (feeds_.count(topic) != 0) return answer_error(exchange, 409, "this topic has a feed\n");
  if (feeds_.size() >= limit_) return answer_full(exchange, "too many feeds\n");
  // A fresh reading: `lead` counts from now, not from when this turn of the loop began.
  Instant start = host_.stamp() + plan.lead;
  if (plan.start_ns != 0) {
    const Instant asked = instant_from_ns(static_cast<std::int64_t>(plan.start_ns));
    if (asked > start + kMostLead) return answer_error(exchange, 400, "start must be within 10s\n");
    start = asked;
  }
  const auto place = feeds_.emplace(topic, std::make_unique<Feed>(*this, *topic, plan, start)).first;
  if (!place->second->wait_for_next()) feeds_.erase(place);  // not one message in so short a time
  std::string body = "{\"start_ns\":";
  body.append(Decimal(static_cast<std::uint64_t>(to_ns(start))).view()).append("}");
  AnswerHead head;
  head.content_type = "application/json";
  exchange.respond(head, body);
}

void FeedPublisher::on_delete(ServerExchange& exchange, std::string_view query) {
  Topic* topic = nullptr;
  if (const RequestError error = parse_topic(hub_, query, topic)) {
    return answer_error(exchange, error.status, error.line);
  }
  const auto place = feeds_.find(topic);
  if (place == feeds_.end()) return answer_error(exchange, 404, "this topic has no feed\n");
  if (place->second->publishing()) {
    place->second->stop_soon();
  } else {
    feeds_.erase(place);
  }
  answer_text(exchange, 200, {});
}

}  // namespace dragstrip
