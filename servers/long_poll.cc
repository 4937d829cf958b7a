#include "servers/long_poll.h"

#include "core/base/plant.h"
#include "servers/answers.h"

namespace dragstrip {

class LongPoll::Parked final : public Subscriber, public Answerer, public Deadlines::Item {
 public:
  explicit Parked(LongPoll& house) : house_(house) {}
  ~Parked() override {  // still parked when the server goes: the hub and the deadlines outlive it
    if (exchange_ == nullptr) return;
    topic_->unsubscribe(*this);
    house_.deadlines_.clear(*this);
  }
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;

  void park(ServerExchange& exchange, const SubscribeRequest& query, Instant until) {
    exchange_ = &exchange;
    topic_ = query.topic;
    cursor_ = query.cursor();
    tell_cursor_ = query.cursor_unknown();
    exchange.set_answerer(this);
    topic_->subscribe(*this);
    house_.deadlines_.set(*this, until);
  }

 private:
  friend class LongPoll;

  void on_append(Topic&) override {
    // A client may ask for what comes after a number that is yet to be reached.
    if (cursor_ < topic_->log().newest()) finish();
  }
  void on_deadline(Instant) override { finish(); }
  void on_exchange_gone(ServerExchange&) override { house_.leave(*this); }

  void finish() {
    ServerExchange& exchange = *exchange_;
    const TopicLog& log = topic_->log();
    const Cursor cursor = cursor_;
    const bool tell_cursor = tell_cursor_;
    PollAnswers& answers = house_.answers_;
    exchange.set_answerer(nullptr);
    house_.leave(*this);
    answers.answer(exchange, log, cursor, tell_cursor);
  }

  LongPoll& house_;
  ServerExchange* exchange_ = nullptr;
  Topic* topic_ = nullptr;
  Cursor cursor_ = 0;
  bool tell_cursor_ = false;
};

LongPoll::LongPoll(Host& host, Deadlines& deadlines, PollAnswers& answers, std::size_t limit)
    : host_(host), deadlines_(deadlines), answers_(answers), limit_(limit) {}

LongPoll::~LongPoll() = default;

void LongPoll::leave(Parked& poll) {
  poll.topic_->unsubscribe(poll);
  deadlines_.clear(poll);
  poll.exchange_ = nullptr;
  pool_.give_back(poll);
}

void LongPoll::on_poll(ServerExchange& exchange, const SubscribeRequest& query, Duration timeout) {
  const TopicLog& log = query.topic->log();
  const Cursor cursor = query.cursor();
  // Something there, overrun, or not willing to wait: the same answer as a short poll's.
  const bool early = plant::on(plant::Kind::early_empty_poll) && plant::every_other();
  if (early || cursor < log.newest() || cursor + 1 < log.oldest() || timeout.count() == 0) {
    answers_.answer(exchange, log, cursor, query.cursor_unknown());
    return;
  }
  if (pool_.in_use() >= limit_) {
    answer_full(exchange, "too many parked polls\n");
    return;
  }
  Parked& poll = pool_.take([this] { return std::make_unique<Parked>(*this); });
  poll.park(exchange, query, host_.now() + timeout);
}

}  // namespace dragstrip
