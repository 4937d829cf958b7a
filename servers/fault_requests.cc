#include "servers/fault_requests.h"

#include <algorithm>
#include <utility>

#include "core/base/random.h"
#include "servers/answers.h"
#include "servers/fault_messages.h"

namespace dragstrip {

namespace {

constexpr std::uint64_t kRequestSeed = 0x7265717565737473u;
constexpr std::uint64_t kAnswerSeed = 0x616e7377657273u;

bool concerns(std::string_view path) {
  return path == "/echo" || path == "/poll" || path == "/long-poll" || path == "/publish";
}

}  // namespace

// A slow request of an HTTP carrier, kept as a copy until its time has come.
class FaultyRequests::Held final : public Answerer, public Deadlines::Item {
 public:
  explicit Held(FaultyRequests& house) : house_(house) {}
  ~Held() override { house_.deadlines_.clear(*this); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  void hold(ServerExchange& exchange, const Request& request, Instant until) {
    exchange_ = &exchange;
    method_ = request.method;
    path_ = request.path;
    query_ = request.query;
    body_ = request.body;
    exchange.set_answerer(this);
    house_.deadlines_.set(*this, until);
  }

 private:
  void on_exchange_gone(ServerExchange&) override {
    house_.deadlines_.clear(*this);
    house_.held_.give_back(*this);
  }
  void on_deadline(Instant) override {
    exchange_->set_answerer(nullptr);
    // Answering may bring the connection's next request, which may be held in turn.
    const std::string path = std::move(path_), query = std::move(query_), body = std::move(body_);
    ServerExchange& exchange = *exchange_;
    FaultyRequests& house = house_;
    const Request request{method_, path, query, {}, body};
    house.held_.give_back(*this);
    house.pass(exchange, request);
  }

  FaultyRequests& house_;
  ServerExchange* exchange_ = nullptr;
  Method method_ = Method::get;
  std::string path_, query_, body_;
};

// The echoes of one connection that wait, in order.
class FaultyRequests::Line final : public Deadlines::Item {
 public:
  Line(FaultyRequests& house, EchoBack& back) : house_(house), back_(back) {}
  ~Line() override { house_.deadlines_.clear(*this); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // False: too much is waiting already.
  bool add(std::uint8_t kind, std::string_view payload, Instant due) {
    if (bytes_ + cost(payload) > kMostHeldBytes) return false;
    bytes_ += cost(payload);
    if (!waiting_.empty()) due = std::max(due, waiting_.back().due);
    waiting_.push_back({due, kind, std::string(payload)});
    house_.deadlines_.set(*this, waiting_.front().due);
    return true;
  }

 private:
  struct Echo {
    Instant due;
    std::uint8_t kind;
    std::string payload;
  };
  // An echo of nothing takes room as well.
  static std::size_t cost(std::string_view payload) noexcept { return sizeof(Echo) + payload.size(); }
  void on_deadline(Instant now) override {
    while (!waiting_.empty() && waiting_.front().due <= now) {
      const Echo echo = std::move(waiting_.front());
      waiting_.pop_front();
      bytes_ -= cost(echo.payload);
      back_.echo_now(echo.kind, echo.payload);
    }
    if (!waiting_.empty()) return house_.deadlines_.set(*this, waiting_.front().due);
    house_.lines_.erase(&back_);  // destroys this
  }

  FaultyRequests& house_;
  EchoBack& back_;
  std::deque<Echo> waiting_;
  std::size_t bytes_ = 0;
};

FaultyRequests::FaultyRequests(const FaultPlan& plan, Host& host, RequestHandler& inner, Processor& processor,
                               std::uint64_t lane)
    : plan_(plan),
      host_(host),
      inner_(inner),
      processor_(processor),
      seed_(mix64(plan.seed) + lane),
      deadlines_(host) {}

FaultyRequests::~FaultyRequests() = default;

FaultyRequests::Fate FaultyRequests::next_fate() {
  if (plan_.burn.count() != 0) processor_.burn(plan_.burn);
  double at = unit_interval(draw(seed_ ^ kRequestSeed, hits_.seen++));
  if (at <= plan_.slow_share) {
    ++hits_.slowed;
    return Fate::slow;
  }
  at -= plan_.slow_share;
  if (at <= plan_.reset_share) {
    ++hits_.reset;
    return Fate::reset;
  }
  at -= plan_.reset_share;
  if (at > plan_.refuse_share) return Fate::honest;
  ++hits_.refused;
  return Fate::refuse;
}

bool FaultyRequests::damages() {
  return plan_.corrupt_share > 0 &&
         unit_interval(draw(seed_ ^ kAnswerSeed, answers_++)) <= plan_.corrupt_share;
}

void FaultyRequests::on_request(ServerExchange& exchange, const Request& request) {
  if (!concerns(request.path)) return inner_.on_request(exchange, request);
  switch (next_fate()) {
    case Fate::honest:
      return pass(exchange, request);
    case Fate::slow:
      return held_.take([this] { return std::make_unique<Held>(*this); })
          .hold(exchange, request, host_.now() + plan_.slow_delay);
    case Fate::reset:
      return exchange.reset();
    case Fate::refuse:
      return answer_full(exchange, "a planted fault\n");
  }
}

void FaultyRequests::pass(ServerExchange& exchange, const Request& request) {
  if (request.path != "/echo" || !damages()) return inner_.on_request(exchange, request);
  std::string turned(request.body);
  if (turn_a_bit(turned)) ++hits_.corrupted;
  Request damaged = request;
  damaged.body = turned;
  inner_.on_request(exchange, damaged);
}

void FaultyRequests::on_echoer_gone(EchoBack& back) {
  lines_.erase(&back);
}

EchoFront::Then FaultyRequests::on_echo(EchoBack& back, std::uint8_t kind, std::string_view payload) {
  const Fate fate = next_fate();
  // There is no word for "refused" on a socket that echoes: it is dropped as well.
  if (fate == Fate::reset || fate == Fate::refuse) return Then::reset;
  std::string turned;
  if (damages()) {
    turned = payload;
    if (turn_a_bit(turned)) ++hits_.corrupted;
    payload = turned;
  }
  const auto line = lines_.find(&back);
  if (fate == Fate::honest && line == lines_.end()) {
    back.echo_now(kind, payload);
    return Then::taken;
  }
  const Instant due = fate == Fate::slow ? host_.now() + plan_.slow_delay : host_.now();
  Line& queue = line != lines_.end()
                    ? *line->second
                    : *lines_.emplace(&back, std::make_unique<Line>(*this, back)).first->second;
  return queue.add(kind, payload, due) ? Then::taken : Then::reset;
}

}  // namespace dragstrip
