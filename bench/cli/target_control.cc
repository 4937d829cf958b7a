#include "bench/cli/target_control.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/workloads/control_request.h"
#include "clients/load/process_probe.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/codec/message.h"

namespace dragstrip::cli {

namespace {
using namespace std::chrono_literals;
constexpr Duration kPatience{5s};
constexpr Duration kLastQuestion{300ms};  // when the run is over: nobody waits for a server that hangs
constexpr Duration kFeedLead{300ms};      // for every worker to hear the start before the first message
}  // namespace

TargetControl::Answer TargetControl::ask(Method method, const std::string& path, const std::string& query,
                                         const std::string& body, Duration patience, bool heed_interrupt) {
  ControlRequest request(host_, {plan_.peer, plan_.authority, method, path, query, body});
  const Instant until = stamp() + patience;
  while (!request.done() && stamp() < until && !(heed_interrupt && interrupted())) host_.run_once(20ms);
  return {request.answer(), request.ok() ? "" : request.failure(), !request.done(), request.nobody_listens()};
}

std::string TargetControl::must_ask(Method method, const std::string& path, const std::string& query,
                                    const std::string& body) {
  Answer answer = ask(method, path, query, body, kPatience);
  if (!answer.failure.empty() && !interrupted()) {
    throw UserError(ExitCode::target_failed,
                    fmt::format("{} did not take {}: {}", plan_.peer.text(), path, answer.failure));
  }
  return answer.body;
}

void TargetControl::nobody_there() const {
  throw UserError(ExitCode::target_failed,
                  fmt::format("connection refused by {}: no server is running there", plan_.peer.text()));
}

std::optional<pid_t> TargetControl::meet(std::optional<pid_t> given) {
  if (given && !ProcessProbe(*given).alive()) {
    throw UserError(ExitCode::usage, fmt::format("--server-pid {}: there is no such process", *given));
  }
  if (plan_.foreign) return given;
  const Answer answer = ask(Method::get, "/healthz", "", "", kPatience);
  if (answer.nobody) nobody_there();
  if (answer.silence && !interrupted()) {
    throw UserError(ExitCode::target_failed,
                    fmt::format("{} takes connections and does not answer GET /healthz within {}: it hangs",
                                plan_.peer.text(), format_duration(kPatience)));
  }
  if (!answer.failure.empty()) return given;
  incarnation_ = json_number(answer.body, "pid");
  planted_faults_ = json_text(answer.body, "faults").value_or("");
  const bool can_be_watched = incarnation_ && plan_.peer.loopback() && *incarnation_ <= 1u << 30;
  return given || !can_be_watched ? given : static_cast<pid_t>(*incarnation_);
}

void TargetControl::need_row() {
  const bool h2 = plan_.row->carrier == Carrier::h2;
  const bool websocket = plan_.row->delivery == Delivery::websocket;
  if (!h2 && !websocket) return;  // an answer to a request says in the books what is wrong with it
  ControlRequest::Target target{plan_.peer, plan_.authority, Method::head, plan_.path, plan_.query, ""};
  if (websocket) target.body = "x";
  if (!websocket && !plan_.foreign) target.path = "/healthz";
  ControlRequest request(host_, target, websocket ? plan_.row->name : "request/h2");
  const Instant until = stamp() + kPatience;
  while (!request.done() && !request.understood() && stamp() < until && !interrupted()) host_.run_once(20ms);
  if (request.understood() || interrupted()) return;
  if (request.nobody_listens()) nobody_there();
  const std::string why = request.done() ? request.failure() : "silent for " + format_duration(kPatience);
  throw UserError(
      ExitCode::target_failed,
      websocket
          ? fmt::format("{} does not open a WebSocket at {} ({}); `dragstrip list rows` shows other rows",
                        plan_.peer.text(), plan_.foreign ? plan_.path : "/ws", why)
          : fmt::format("{} does not speak HTTP/2 without TLS ({}), which row {} needs; use a row over h1",
                        plan_.peer.text(), why, plan_.row->name));
}

void TargetControl::publish_one() {
  std::string payload(std::max<std::size_t>(plan_.payload_bytes, kMessageHeaderSize), ' ');
  MessageHeader header;
  header.run = plan_.run;
  header.intended = stamp();
  write_message(payload, header);
  must_ask(Method::post, "/publish", "topic=" + plan_.topic, payload);
}

Instant TargetControl::start_feed() {
  const std::string answer = must_ask(Method::post, "/feed", feed_query(plan_, kFeedLead), "");
  const auto start = json_number(answer, "start_ns");
  if (!start && !interrupted()) {
    throw UserError(ExitCode::target_failed,
                    plan_.peer.text() + " started no feed: the answer has no start_ns");
  }
  return instant_from_ns(static_cast<std::int64_t>(start.value_or(0)));
}

void TargetControl::stop_feed() {
  (void)ask(Method::del, "/feed", "topic=" + plan_.topic, "", kLastQuestion, false);
}

bool TargetControl::is_another_one() {
  if (!incarnation_) return false;
  const Answer answer = ask(Method::get, "/healthz", "", "", kLastQuestion);
  const auto told = answer.failure.empty() ? json_number(answer.body, "pid") : std::nullopt;
  return told && *told != *incarnation_;
}

}  // namespace dragstrip::cli
