#include "bench/workloads/control_request.h"

#include "core/base/text.h"

namespace dragstrip {

ControlRequest::ControlRequest(Host& host, const Target& target, std::string_view row)
    : body_(target.body), factory_(make_channel_factory(*find_row(row), host, 0)) {
  ChannelOptions options;
  options.peer = target.peer;
  options.authority = target.authority;
  options.path = target.path;
  options.origin_query = target.query;
  options.request_method = target.method;
  channel_ = factory_->make(*this, options);
  channel_->start();
}

ControlRequest::~ControlRequest() {
  if (channel_) channel_->stop();
}

void ControlRequest::on_ready(Channel& channel, Instant at) {
  channel.request(1, body_, at);
}

void ControlRequest::on_done(Channel&, const Sample& sample, std::string_view answer) {
  if (done_) return;
  done_ = true;
  outcome_ = sample.outcome;
  answer_ = answer;
}

void ControlRequest::on_lost(Channel&, CloseReason reason, Instant) {
  if (done_) return;
  done_ = true;
  lost_ = reason;
}

std::string ControlRequest::failure() const {
  if (!done_) return "no answer in time";
  if (!lost_) return outcome_ == Outcome::ok ? "" : "answered with " + std::string(name_of(outcome_));
  switch (*lost_) {
    case CloseReason::peer_closed:
      return "connection closed";
    case CloseReason::reset:
      return "connection reset";
    case CloseReason::refused:
      return "connection refused";
    case CloseReason::no_resources:
      return "no local port or descriptor";
    case CloseReason::timed_out:
      return "timed out";
  }
  return "";
}

namespace {
std::optional<std::string_view> behind(std::string_view json, std::string_view name) {
  const std::string key = '"' + std::string(name) + '"';
  std::size_t at = json.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  json.remove_prefix(at + key.size());
  at = json.find_first_not_of(" \t\r\n:");
  if (at == std::string_view::npos) return std::nullopt;
  return json.substr(at);
}
}  // namespace

std::optional<std::uint64_t> json_number(std::string_view json, std::string_view name) {
  const auto value = behind(json, name);
  return value ? parse_u64(value->substr(0, value->find_first_not_of("0123456789"))) : std::nullopt;
}

std::optional<std::string_view> json_text(std::string_view json, std::string_view name) {
  const auto value = behind(json, name);
  if (!value || value->front() != '"') return std::nullopt;
  const std::size_t end = value->find('"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  return value->substr(1, end - 1);
}

}  // namespace dragstrip
