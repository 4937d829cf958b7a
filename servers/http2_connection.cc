#include "servers/http2_connection.h"

#include "core/base/plant.h"

#include <algorithm>
#include <array>
#include <memory>

namespace dragstrip {
namespace {

constexpr std::size_t kKeptBuffer = 16u << 10;  // a pooled stream keeps buffers of at most this size
constexpr std::size_t kFieldOverhead = 32;      // RFC 9113 §6.5.2
constexpr std::size_t kMaxAnswerFields = 16;

constexpr std::array<std::array<char, 3>, 500> make_status_texts() {
  std::array<std::array<char, 3>, 500> texts{};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t status = i + 100;
    texts[i] = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                static_cast<char>('0' + status % 10)};
  }
  return texts;
}
constexpr auto kStatusTexts = make_status_texts();

std::string_view status_text(int status) {
  DRAGSTRIP_CHECK(status >= 100 && status <= 599);
  const auto& text = kStatusTexts[static_cast<std::size_t>(status - 100)];
  return {text.data(), text.size()};
}

Method method_of(std::string_view name) noexcept {
  if (name == "GET") return Method::get;
  if (name == "POST") return Method::post;
  if (name == "HEAD") return Method::head;
  if (name == "PUT") return Method::put;
  if (name == "DELETE") return Method::del;
  if (name == "OPTIONS") return Method::options;
  return Method::other;
}

}  // namespace

// One HTTP/2 stream: what has come of its request, what is to be sent of its answer. Pooled.
class Http2Connection::Stream final : public ServerExchange, public LiveHook, public FullHook {
 public:
  explicit Stream(Http2Connection& connection) : connection_(connection) {}

  void respond(const AnswerHead& head, std::string_view body) override {
    DRAGSTRIP_CHECK(!begun_);
    answerer_ = nullptr;
    begun_ = true;
    body_.ended = true;
    if (connection_.closing_ || id_ == 0) return;
    if (method_ == Method::head || head.status == 204 || head.status == 304) body = {};
    connection_.append_body(*this, body);
    connection_.submit_head(*this, head, !body.empty());
    connection_.pump_if_open();
  }
  void begin(const AnswerHead& head) override {
    DRAGSTRIP_CHECK(!begun_);
    begun_ = true;
    if (connection_.closing_) return;
    if (method_ == Method::head) body_.ended = true;  // there will be no body, whatever is written
    connection_.submit_head(*this, head, !body_.ended);
    connection_.engine_->set_incremental(id_);
    connection_.pump_if_open();
  }
  void write(std::span<const std::string_view> parts) override {
    DRAGSTRIP_CHECK(begun_);
    if (body_.ended || connection_.closing_) return;
    for (const std::string_view part : parts) connection_.append_body(*this, part);
    connection_.engine_->resume(id_, body_);
    connection_.pump_if_open();
  }
  void end() override {
    DRAGSTRIP_CHECK(begun_);
    answerer_ = nullptr;
    if (body_.ended || connection_.closing_) return;
    body_.ended = true;
    connection_.engine_->resume(id_, body_);
    connection_.pump_if_open();
  }
  void reset() override {
    DRAGSTRIP_CHECK(!begun_);
    answerer_ = nullptr;
    begun_ = true;
    body_.ended = true;
    if (connection_.closing_ || id_ == 0) return;
    connection_.engine_->reset(id_, Http2Error::cancel);
    connection_.pump_if_open();
  }
  [[nodiscard]] std::size_t unsent_bytes() const override {
    if (connection_.closing_) return 0;
    std::size_t unsent = body_.pending() + connection_.host_.unsent_bytes(connection_.conn_);
    if (connection_.pending_ >= kMaxPending && body_.pending() != 0)
      unsent = std::max(unsent, kUnsentHighWater);
    // Whoever learns that the exchange is full stops, and has to be woken.
    if (unsent >= kUnsentHighWater) connection_.mark_full(const_cast<Stream&>(*this));
    return unsent;
  }
  void set_answerer(Answerer* answerer) override { answerer_ = answerer; }

 private:
  friend class Http2Connection;
  struct Span {
    std::uint32_t name_at;
    std::uint32_t name_size;
    std::uint32_t value_size;
  };

  void reset_for(std::int32_t id) {
    id_ = id;
    method_ = Method::other;
    body_.ended = body_.deferred = false;
    answerer_ = nullptr;
    begun_ = dispatched_ = headers_done_ = remote_ended_ = list_too_large_ = false;
    list_size_ = path_size_ = path_at_ = 0;
  }

  Http2Connection& connection_;
  std::int32_t id_ = 0;
  Method method_ = Method::other;
  bool begun_ = false;       // the answer's head was submitted
  bool dispatched_ = false;  // the request was answered or given to the handler
  bool headers_done_ = false;
  bool remote_ended_ = false;
  bool list_too_large_ = false;
  Answerer* answerer_ = nullptr;
  std::uint32_t path_at_ = 0;
  std::uint32_t path_size_ = 0;
  std::size_t list_size_ = 0;
  Http2Body body_;   // of the answer
  Buffer received_;  // body of the request
  Buffer text_;      // names and values of the request's fields
  std::vector<Span> spans_;
};

Http2Connection::Http2Connection(Host& host, RequestHandler& handler, ConnectionOwner& owner,
                                 const Http2Limits& limits)
    : host_(host), handler_(handler), owner_(owner), limits_(limits) {
  fields_.reserve(kMaxFields);
}

Http2Connection::~Http2Connection() {
  if (conn_ != kNoConn) {
    host_.close(conn_, CloseHow::abort);
    drop_streams();
  }
  if (timer_ != kNoTimer) host_.free_timer(timer_);
}

void Http2Connection::start(ConnId conn) {
  DRAGSTRIP_CHECK(idle());
  conn_ = conn;
  closing_ = gated_ = false;
  engine_.emplace(true, limits_.wire, *this);
  if (timer_ == kNoTimer) timer_ = host_.make_timer(*this);
  last_request_ = last_progress_ = host_.now();
  taken_at_check_ = 0;
  arm_check(last_request_);
  host_.attach(conn, *this);
}

void Http2Connection::go_away() {
  if (idle() || closing_) return;
  DRAGSTRIP_CHECK(!engine_->busy());
  engine_->terminate(Http2Error::no_error);
  pump();
  finish(CloseHow::linger);
}

// ------------------------------------------------------------------------------------- the host's events

void Http2Connection::on_bytes(ConnId, std::string_view bytes, Instant received) {
  if (!engine_->receive(bytes, received)) {
    pump();  // the GOAWAY that says why
    finish(CloseHow::linger);
    return;
  }
  after_event();
}

void Http2Connection::on_sent(ConnId, std::uint64_t, Instant) {
  if (gated_) after_event();
}

void Http2Connection::on_writable(ConnId) {
  after_event();
}

void Http2Connection::on_close(ConnId, CloseReason, Instant) {
  drop_streams();
  owner_.on_connection_done(*this);
}

// One look now and then costs nothing; a deadline moved with every frame would.
void Http2Connection::arm_check(Instant now) {
  host_.arm(timer_, now + std::min(limits_.idle, limits_.stalled_write) / 4);
}

void Http2Connection::on_timer(TimerId, Instant now) {
  const std::size_t unsent = host_.unsent_bytes(conn_);
  const std::uint64_t taken = host_.appended_total(conn_) - unsent;
  if (unsent == 0 || taken != taken_at_check_) last_progress_ = now;
  taken_at_check_ = taken;
  if (now - last_progress_ >= limits_.stalled_write) {
    finish(CloseHow::abort);
  } else if (answering_ == 0 && now - last_request_ >= limits_.idle) {
    engine_->terminate(Http2Error::no_error);
    pump();
    finish(CloseHow::linger);
  } else {
    arm_check(now);
  }
}

void Http2Connection::pump() {
  const std::size_t unsent = host_.unsent_bytes(conn_);
  const bool drained = unsent < kOutputGate && engine_->pump(host_.out(conn_), kOutputGate - unsent);
  if (drained == gated_) {  // the state of the gate changes
    gated_ = !drained;
    host_.report_sent(conn_, gated_);
  }
}

void Http2Connection::pump_if_open() {
  // Inside an event frames are written at its end. Behind a closed gate on_sent does it; nothing may be
  // written here then, since a queued RST_STREAM would end the very exchange that is being written to.
  if (gated_ || engine_->busy()) return;
  pump();
}

void Http2Connection::after_event() {
  pump();
  wake_full_streams();
  // With an error of the peer's we do not wait until it has read our GOAWAY.
  if (engine_->finished() || (gated_ && engine_->terminating())) finish(CloseHow::linger);
}

void Http2Connection::finish(CloseHow how) {
  host_.close(conn_, how);
  drop_streams();
  owner_.on_connection_done(*this);
}

void Http2Connection::drop_streams() {
  closing_ = true;
  while (Stream* const s = live_.front()) {
    Answerer* const answerer = s->answerer_;
    s->answerer_ = nullptr;
    s->id_ = 0;
    static_cast<LiveHook*>(s)->unlink();
    if (answerer != nullptr) answerer->on_exchange_gone(*s);
    release(*s);
  }
  engine_.reset();
  host_.disarm(timer_);
  conn_ = kNoConn;
}

// ------------------------------------------------------------------------------------- requests

void Http2Connection::on_begin_headers(std::int32_t id) {
  if (stream(id) != nullptr) return;  // trailers
  Stream& s = streams_.take([this] { return std::make_unique<Stream>(*this); });
  s.reset_for(id);
  live_.push_back(s);
  engine_->set_stream(id, &s);
}

void Http2Connection::on_field(std::int32_t id, std::string_view name, std::string_view value) {
  Stream* const s = stream(id);
  if (s == nullptr || s->dispatched_) return;
  // SETTINGS_MAX_HEADER_LIST_SIZE is advice to the peer, and one indexed byte can stand for a long field.
  s->list_size_ += name.size() + value.size() + kFieldOverhead;
  if (s->list_size_ > kMaxHeaderList || s->spans_.size() >= kMaxFields) {
    s->list_too_large_ = true;
    return;
  }
  if (s->headers_done_) return;  // trailers are counted, not read: they must not pass for fields
  if (name == ":method") {
    s->method_ = method_of(value);
    return;
  }
  if (name == ":path") {
    s->path_at_ = static_cast<std::uint32_t>(s->text_.size());
    s->path_size_ = static_cast<std::uint32_t>(value.size());
    s->text_.append(value);
    return;
  }
  if (name == ":authority") {
    name = "host";  // RFC 9113 §8.3.1: it takes the field's place
  } else if (name.front() == ':') {
    return;
  }
  s->spans_.push_back({static_cast<std::uint32_t>(s->text_.size()), static_cast<std::uint32_t>(name.size()),
                       static_cast<std::uint32_t>(value.size())});
  s->text_.append(name);
  s->text_.append(value);
}

void Http2Connection::on_headers(std::int32_t id) {
  Stream* const s = stream(id);
  if (s == nullptr) return;
  s->headers_done_ = true;
  if (s->list_too_large_ && !s->dispatched_) answer_error(*s, 431, "header list too large\n");
}

void Http2Connection::on_data(std::int32_t id, std::string_view bytes) {
  Stream* const s = stream(id);
  if (s == nullptr || s->dispatched_) return;
  if (s->received_.size() + bytes.size() > kMaxBody) {
    answer_error(*s, 413, "body too large\n");
    return;
  }
  if (held_bodies_ + bytes.size() > kMaxBodies) {
    answer_error(*s, 503, "too many bodies on this connection\n");
    return;
  }
  held_bodies_ += bytes.size();
  s->received_.append(bytes);
}

void Http2Connection::on_remote_end(std::int32_t id) {
  Stream* const s = stream(id);
  if (s == nullptr) return;
  s->remote_ended_ = true;
  if (!s->dispatched_) dispatch(*s);
}

void Http2Connection::dispatch(Stream& s) {
  if (pending_ >= kMaxPending) {
    answer_error(s, 503, "too much unread on this connection\n");
    return;
  }
  mark_answering(s);
  last_request_ = host_.now();
  const std::string_view text = s.text_.view();
  fields_.clear();
  for (const Stream::Span& span : s.spans_) {
    fields_.push_back({text.substr(span.name_at, span.name_size),
                       text.substr(span.name_at + span.name_size, span.value_size)});
  }
  Request request;
  request.method = s.method_;
  request.path = text.substr(s.path_at_, s.path_size_);
  if (const std::size_t mark = request.path.find('?'); mark != std::string_view::npos) {
    request.query = request.path.substr(mark + 1);
    request.path = request.path.substr(0, mark);
  }
  request.fields = fields_;
  request.body = s.received_.view();
  handler_.on_request(s, request);
  // The views have ended; what an endless answer does not need is given back while it lasts.
  held_bodies_ -= s.received_.size();
  s.received_.clear();
  s.received_.shrink(kKeptBuffer);
}

void Http2Connection::answer_error(Stream& s, int status, std::string_view line) {
  mark_answering(s);
  held_bodies_ -= s.received_.size();
  s.received_.clear();
  AnswerHead head;
  head.status = status;
  head.content_type = "text/plain";
  s.respond(head, line);
}

// ------------------------------------------------------------------------------------- answers

void Http2Connection::submit_head(Stream& s, const AnswerHead& head, bool with_body) {
  DRAGSTRIP_CHECK(head.extra.size() + 4 <= kMaxAnswerFields);
  std::array<Http2Field, kMaxAnswerFields> fields;
  std::size_t n = 0;
  fields[n++] = http2_field(":status", status_text(head.status), Http2Copy::none);
  if (!head.content_type.empty()) {
    fields[n++] = http2_field("content-type", head.content_type, Http2Copy::value);
  }
  if (head.no_store) fields[n++] = http2_field("cache-control", "no-store", Http2Copy::none);
  for (const Field& extra : head.extra) fields[n++] = http2_field(extra.name, extra.value, Http2Copy::both);
  if (plant::on(plant::Kind::extra_header)) fields[n++] = http2_field("x", plant::padding(), Http2Copy::both);
  engine_->submit_response(s.id_, {fields.data(), n}, with_body ? &s.body_ : nullptr);
}

void Http2Connection::append_body(Stream& s, std::string_view bytes) {
  s.body_.bytes.append(bytes);
  pending_ += bytes.size();
}

void Http2Connection::on_end_stream_written(std::int32_t id, std::size_t) {
  const Stream* const s = stream(id);
  // RFC 9113 §8.1: the answer is complete, the rest of the request is of no interest.
  if (s != nullptr && !s->remote_ended_) engine_->reset(id, Http2Error::no_error);
}

void Http2Connection::on_stream_closed(std::int32_t id, std::uint32_t) {
  Stream* const s = stream(id);
  if (s == nullptr) return;
  engine_->set_stream(id, nullptr);
  static_cast<LiveHook*>(s)->unlink();
  Answerer* const answerer = s->answerer_;
  s->answerer_ = nullptr;
  s->id_ = 0;
  if (answerer != nullptr) answerer->on_exchange_gone(*s);
  release(*s);
}

void Http2Connection::mark_answering(Stream& s) {
  s.dispatched_ = true;
  ++answering_;
}

void Http2Connection::release(Stream& s) {
  if (s.dispatched_) --answering_;
  if (static_cast<FullHook&>(s).linked()) {
    static_cast<FullHook&>(s).unlink();
    --full_count_;
  }
  pending_ -= s.body_.pending();
  s.body_.bytes.clear();
  s.body_.bytes.shrink(kKeptBuffer);
  held_bodies_ -= s.received_.size();
  s.received_.clear();
  s.received_.shrink(kKeptBuffer);
  s.text_.clear();
  s.spans_.clear();
  streams_.give_back(s);
}

void Http2Connection::mark_full(Stream& s) {
  if (static_cast<FullHook&>(s).linked()) return;
  full_.push_back(s);
  ++full_count_;
}

void Http2Connection::wake_full_streams() {
  if (waking_ || full_count_ == 0) return;
  waking_ = true;
  for (std::size_t n = full_count_; n != 0; --n) {
    Stream* const s = full_.pop_front();
    if (s == nullptr) break;
    --full_count_;
    const bool room =
        s->body_.pending() < kUnsentLowWater && (pending_ < kMaxPending / 2 || s->body_.pending() == 0);
    if (!room) {
      mark_full(*s);
    } else if (s->answerer_ != nullptr) {
      s->answerer_->on_exchange_writable(*s);
    }
  }
  waking_ = false;
}

}  // namespace dragstrip
