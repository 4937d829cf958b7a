#include "servers/worker_group.h"

#include <array>

#include "core/base/check.h"
#include "servers/answers.h"

namespace dragstrip {

namespace {

// The extra fields that answers of worker 0 can have.
constexpr std::array<std::string_view, 3> kExtraNames{"", "allow", "retry-after"};

// Stands in for an exchange of another worker: takes the answer, which comes inside on_request.
class MailedExchange final : public ServerExchange {
 public:
  MailedExchange(Mailbox& box, std::uint64_t ticket) : box_(box), ticket_(ticket) {}
  void respond(const AnswerHead& head, std::string_view body) override {
    Letter letter;
    letter.kind = Letter::Kind::answer;
    letter.ticket = ticket_;
    letter.status = static_cast<std::uint16_t>(head.status);
    letter.a = head.content_type;
    letter.c = body;
    for (const Field& field : head.extra) {
      for (std::size_t i = 1; i < kExtraNames.size(); ++i) {
        if (field.name != kExtraNames[i]) continue;
        letter.code = static_cast<std::uint8_t>(i);
        letter.b = field.value;
      }
    }
    box_.put(letter);
  }
  void begin(const AnswerHead&) override { DRAGSTRIP_CHECK(false); }  // nothing that is mailed is endless
  void write(std::span<const std::string_view>) override { DRAGSTRIP_CHECK(false); }
  void end() override { DRAGSTRIP_CHECK(false); }
  void reset() override { DRAGSTRIP_CHECK(false); }  // planted before a request is mailed
  [[nodiscard]] std::size_t unsent_bytes() const override { return 0; }
  void set_answerer(Answerer*) override {}

 private:
  Mailbox& box_;
  std::uint64_t ticket_;
};

}  // namespace

class WorkerGroup::Worker final : public TopicRelay, public RequestForwarder {
 public:
  Worker(WorkerGroup& group, std::uint32_t index) : group_(group), index_(index) {}

  void join(Hub& hub, Router& router, Mailbox::Bell& bell) {
    hub_ = &hub;
    router_ = &router;
    box_.set_bell(bell);
    hub.set_relay(*this);
    if (index_ != 0) router.set_forwarder(this);
  }

  bool relay(Topic& topic, std::string_view payload) override {
    Letter letter;
    letter.a = topic.name();
    letter.b = payload;
    if (index_ != 0) {
      letter.kind = Letter::Kind::publish;
      mail(0, letter);
      return true;
    }
    letter.kind = Letter::Kind::message;
    for (std::size_t to = 1; to < group_.size(); ++to) mail(to, letter);
    return false;
  }

  void forward(ServerExchange& exchange, const Request& request) override {
    Waiting& waiting = waiting_.take([this] {
      auto made = std::make_unique<Waiting>();
      made->ticket = tickets_.size();
      tickets_.push_back(made.get());
      return made;
    });
    waiting.exchange = &exchange;
    exchange.set_answerer(&waiting);
    Letter letter;
    letter.kind = Letter::Kind::request;
    letter.code = static_cast<std::uint8_t>(request.method);
    letter.worker = index_;
    letter.ticket = waiting.ticket;
    letter.a = request.path;
    letter.b = request.query;
    letter.c = request.body;
    mail(0, letter);
  }

  void leave() { box_.close(); }

  void on_mail() {
    box_.take(reading_);
    std::string_view letters = reading_.view();
    Letter letter;
    while (next_letter(letters, letter)) open(letter);
    reading_.clear();
    reading_.shrink(1u << 20);
  }

 private:
  // A request that worker 0 is answering. Its place is free when the answer is there, not before: the
  // client may have left by then.
  struct Waiting final : Answerer {
    void on_exchange_gone(ServerExchange&) override { exchange = nullptr; }
    ServerExchange* exchange = nullptr;
    std::uint64_t ticket = 0;
  };

  void mail(std::size_t to, const Letter& letter) {
    Mailbox& box = group_.workers_[to]->box_;
    box.wait_for_room(box_);
    box.put(letter);
  }

  void open(const Letter& letter) {
    switch (letter.kind) {
      case Letter::Kind::publish:  // no place for another topic here: then nobody can name it anywhere else
        if (Topic* const topic = hub_->topic(letter.a)) topic->publish(letter.b);
        return;
      case Letter::Kind::message:
        if (Topic* const topic = hub_->topic(letter.a)) topic->accept(letter.b);
        return;
      case Letter::Kind::request:
        return answer_for(letter);
      case Letter::Kind::answer:
        return deliver(letter);
    }
  }

  void answer_for(const Letter& letter) {
    MailedExchange exchange(group_.workers_[letter.worker]->box_, letter.ticket);
    Request request;
    request.method = static_cast<Method>(letter.code);
    request.path = letter.a;
    request.query = letter.b;
    request.body = letter.c;
    router_->on_request(exchange, request);
  }

  void deliver(const Letter& letter) {
    Waiting& waiting = *tickets_[letter.ticket];
    ServerExchange* const exchange = std::exchange(waiting.exchange, nullptr);
    waiting_.give_back(waiting);
    if (exchange == nullptr) return;
    const Field extra[] = {{kExtraNames[letter.code], letter.b}};
    AnswerHead head;
    head.status = letter.status;
    head.content_type = letter.a;
    if (letter.code != 0) head.extra = extra;
    exchange->set_answerer(nullptr);
    exchange->respond(head, letter.c);
  }

  WorkerGroup& group_;
  std::uint32_t index_;
  Hub* hub_ = nullptr;
  Router* router_ = nullptr;
  Mailbox box_;
  Buffer reading_;
  Pool<Waiting> waiting_;
  std::vector<Waiting*> tickets_;
};

WorkerGroup::WorkerGroup(std::size_t workers) {
  DRAGSTRIP_CHECK(workers >= 2);
  for (std::size_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(*this, static_cast<std::uint32_t>(i)));
  }
}

WorkerGroup::~WorkerGroup() = default;

void WorkerGroup::join(std::size_t index, Hub& hub, Router& router, Mailbox::Bell& bell) {
  workers_[index]->join(hub, router, bell);
}

void WorkerGroup::on_mail(std::size_t index) {
  workers_[index]->on_mail();
}

void WorkerGroup::leave(std::size_t index) {
  workers_[index]->leave();
}

}  // namespace dragstrip
