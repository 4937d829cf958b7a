#include "clients/http2_lane.h"

#include <algorithm>
#include <utility>

#include "clients/http2_link.h"

namespace dragstrip {
namespace {

constexpr std::size_t kKeptBody = 64u << 10;

}  // namespace

// ------------------------------------------------------------------------------------- Http2Lane

Http2Lane::Http2Lane(Http2ClientConnection& home, LaneEvents* events) : home_(home), events_(events) {
  fields_[1] = http2_field(":scheme", "http", Http2Copy::none);
  fields_[2] = http2_field(":authority", home.authority_, Http2Copy::none);
  body_.keep = true;  // a refused request is sent again
  body_.ended = true;
  home.lanes_.push_back(*this);
}

void Http2Lane::open() {
  if (!Http2LaneOpenHook::linked()) home_.open(*this);
}

void Http2Lane::start(const ClientRequest& request, ExchangeEvents& events) {
  DRAGSTRIP_CHECK(!busy());
  copy_request(request);
  exchange_ = &events;
  attempts_ = 0;
  home_.enqueue(*this);
}

void Http2Lane::copy_request(const ClientRequest& request) {
  DRAGSTRIP_CHECK(request.extra.size() <= kMaxExtraFields);
  std::size_t size = request.target.size();
  for (const Field& extra : request.extra) size += extra.name.size() + extra.value.size();
  text_.clear();
  char* to = text_.prepare(size);  // one piece: the views below stay valid
  const auto keep = [&](std::string_view text) {
    std::copy(text.begin(), text.end(), to);
    return std::string_view(std::exchange(to, to + text.size()), text.size());
  };
  fields_[0] = http2_field(":method", name_of(request.method), Http2Copy::none);
  fields_[3] = http2_field(":path", keep(request.target), Http2Copy::none);
  field_count_ = 4;
  for (const Field& extra : request.extra) {
    const std::string_view name = keep(extra.name);
    fields_[field_count_++] = http2_field(name, keep(extra.value), Http2Copy::none);
  }
  text_.commit(size);
  body_.bytes.clear();
  body_.bytes.shrink(std::max(kKeptBody, request.body.size() * 2));
  body_.bytes.append(request.body);
  body_.sent = 0;
}

void Http2Lane::cancel() {
  if (exchange_ == nullptr) return;
  exchange_ = nullptr;
  if (link_ != nullptr) {
    link_->abandon(*this);
  } else {
    Http2LaneQueueHook::unlink();
  }
}

void Http2Lane::close() {
  cancel();
  Http2LaneOpenHook::unlink();
  attached_ = nullptr;
}

const ConnectPhases& Http2Lane::phases() const {
  return home_.phases_;
}

ExchangeEvents& Http2Lane::let_go() noexcept {
  return *std::exchange(exchange_, nullptr);
}

void Http2Lane::tell_lost(CloseReason reason, Instant at) {
  if (events_ != nullptr) events_->on_lane_lost(reason, at);
}

// ------------------------------------------------------------------------------------- Http2ClientConnection

Http2ClientConnection::Http2ClientConnection(Host& host, const Address& peer, std::string authority,
                                             const Http2Config& config)
    : host_(host), peer_(peer), authority_(std::move(authority)), config_(config), open_timer_(host, *this) {}

Http2ClientConnection::~Http2ClientConnection() {
  DRAGSTRIP_CHECK(lanes_.empty());
}

void Http2ClientConnection::enqueue(Http2Lane& lane) {
  if (waiting_.empty() && link_ != nullptr && link_->has_room() && link_->submit(lane)) {
    link_->pump_if_idle();
    return;
  }
  waiting_.push_back(lane);
  ensure_link();
}

void Http2ClientConnection::retry(Http2Lane& lane, Instant at) {
  if (++lane.attempts_ >= kMaxAttempts) {
    lane.let_go().on_exchange_failed(Outcome::refused, at);
    return;
  }
  ++retries_;
  waiting_.push_back(lane);
  ensure_link();
}

void Http2ClientConnection::open(Http2Lane& lane) {
  opening_.push_back(lane);
  ensure_link();
  if (link_->open()) open_timer_.arm(host_.now());
}

void Http2ClientConnection::submit_waiting() {
  while (link_ != nullptr && link_->has_room()) {
    Http2Lane* const lane = waiting_.front();
    if (lane == nullptr) return;
    static_cast<Http2LaneQueueHook*>(lane)->unlink();
    if (!link_->submit(*lane)) {
      waiting_.push_back(*lane);
      break;
    }
    lane->exchange_->on_exchange_started(host_.now());
  }
  if (!waiting_.empty()) ensure_link();
}

void Http2ClientConnection::ensure_link() {
  if (link_ != nullptr && !link_->leaving()) return;
  links_.push_back(std::make_unique<Http2Link>(*this));
  link_ = links_.back().get();
  ++connections_made_;
  phases_ = ConnectPhases{};
  phases_.started = host_.stamp();
  link_->connect();
}

void Http2ClientConnection::link_open(Http2Link& link, Instant at) {
  if (&link != link_) return;
  phases_.tcp = at;
  tell_opened(at);
}

void Http2ClientConnection::link_ready(Http2Link& link, std::uint32_t max_streams, bool first, Instant at) {
  assumed_streams_ = std::min(kAssumedStreams, max_streams);
  if (first && &link == link_) phases_.ready = at;
}

void Http2ClientConnection::tell_opened(Instant at) {
  // Only those that wait now: what they do may queue more.
  IntrusiveList<Http2Lane, Http2LaneOpenHook> now;
  now.splice_back(opening_);
  while (Http2Lane* const lane = now.pop_front()) {
    lane->attached_ = link_;
    if (lane->events_ != nullptr) lane->events_->on_lane_open(at);
  }
}

void Http2ClientConnection::on_channel_timer(ChannelTimer&, Instant now) {
  // Otherwise link_open or link_lost will answer.
  if (link_ != nullptr && link_->open()) tell_opened(now);
}

void Http2ClientConnection::link_lost(Http2Link& link, bool was_current, CloseReason reason, Instant at) {
  if (was_current) {
    IntrusiveList<Http2Lane, Http2LaneOpenHook> opening;
    opening.splice_back(opening_);
    fail_waiting(link.ready(), at);
    while (Http2Lane* const lane = opening.pop_front()) {
      lane->attached_ = nullptr;
      lane->tell_lost(reason, at);
    }
  }
  IntrusiveList<Http2Lane, Http2LaneHomeHook> rest;
  rest.splice_back(lanes_);
  while (Http2Lane* const lane = rest.pop_front()) {
    lanes_.push_back(*lane);
    if (lane->attached_ != &link) continue;
    lane->attached_ = nullptr;
    if (!lane->busy()) lane->tell_lost(reason, at);
  }
}

// Requests that were never written. A connection that stood once may stand again.
void Http2ClientConnection::fail_waiting(bool was_ready, Instant at) {
  IntrusiveList<Http2Lane, Http2LaneQueueHook> waiting;
  waiting.splice_back(waiting_);
  while (Http2Lane* const lane = waiting.pop_front()) {
    if (was_ready) {
      retry(*lane, at);
    } else {
      lane->let_go().on_exchange_failed(Outcome::refused, at);
    }
  }
}

void Http2ClientConnection::reap() {
  links_.erase(std::remove_if(links_.begin(), links_.end(), [](const auto& link) { return link->dead(); }),
               links_.end());
}

}  // namespace dragstrip
