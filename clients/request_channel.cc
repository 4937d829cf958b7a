#include "clients/request_channel.h"

#include "clients/targets.h"
#include "core/base/check.h"

namespace dragstrip {
namespace {

OpForm request_form(const ChannelOptions& options) {
  if (options.path.empty()) return {options.request_method, "/echo", false};
  return {options.request_method, foreign_target(options), true};
}

}  // namespace

RequestChannel::RequestChannel(Host& host, LaneSource& lanes, ChannelEvents& events,
                               const ChannelOptions& options)
    : events_(events), lane_(host, lanes, options, request_form(options), *this) {}

void RequestChannel::start() {
  lane_.open();
}

void RequestChannel::stop() {
  lane_.stop();
}

// The table of rows says that this delivery carries no feed.
void RequestChannel::subscribe(std::string_view, Cursor) {
  DRAGSTRIP_CHECK(false);
}
void RequestChannel::publish(OpId, std::string_view, std::string_view, Instant) {
  DRAGSTRIP_CHECK(false);
}

void RequestChannel::request(OpId op, std::string_view payload, Instant intended) {
  lane_.submit({op, intended, {}, payload});
}

void RequestChannel::on_op_lane_lost(CloseReason reason, Instant at) {
  if (lane_.fail_all()) events_.on_lost(*this, reason, at);
}

}  // namespace dragstrip
