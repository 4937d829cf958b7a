#include "core/codec/http2.h"

#include <algorithm>
#include <array>

#include "core/base/check.h"
#include "core/base/plant.h"

namespace dragstrip {
namespace {

// Out of memory is the only way in which nghttp2 refuses a call that we may make.
void must(int result) noexcept {
  DRAGSTRIP_CHECK(result == 0);
}

std::uint8_t* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 does not write to it
}

nghttp2_option* new_option() {
  nghttp2_option* option = nullptr;
  must(nghttp2_option_new(&option));
  // The guard's to count: behind its own verdict nghttp2 reads on (begin_frame()).
  constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;
  nghttp2_option_set_stream_reset_rate_limit(option, kNoLimit, 1);
  // nghttp2 counts each piece in which the 9 octets of a CONTINUATION head arrive, not the frames; those are
  // the guard's to count.
  nghttp2_option_set_max_continuations(option, std::size_t{9} * (Http2Guard::kMaxContinuations + 1));
  // nghttp2 skips frames of unknown types without a word; the guard wants to see them.
  for (unsigned type = NGHTTP2_CONTINUATION + 1; type <= 0xff; ++type) {
    nghttp2_option_set_user_recv_extension_type(option, static_cast<std::uint8_t>(type));
  }
  // Closed streams are kept for RFC 7540's priority tree, which RFC 9113 §5.3 dropped.
  nghttp2_option_set_no_closed_streams(option, 1);
  if (plant::on(plant::Kind::hpack_off)) nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
  // Until the peer's SETTINGS have come we do not know its limit. RFC 9113 §6.5.2 recommends not less.
  nghttp2_option_set_peer_max_concurrent_streams(option, 100);
  return option;
}

}  // namespace

Http2Field http2_field(std::string_view name, std::string_view value, Http2Copy copy) noexcept {
  std::uint8_t flags = NGHTTP2_NV_FLAG_NONE;
  if (copy != Http2Copy::both) flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME;
  if (copy == Http2Copy::none) flags |= NGHTTP2_NV_FLAG_NO_COPY_VALUE;
  return {bytes_of(name), bytes_of(value), name.size(), value.size(), flags};
}

nghttp2_session_callbacks* Http2Wire::new_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  must(nghttp2_session_callbacks_new(&callbacks));
  // RFC 9113 §5.5: unknown frames are ignored.
  nghttp2_session_callbacks_set_unpack_extension_callback(
      callbacks,
      [](nghttp2_session*, void**, const nghttp2_frame_hd*, void*) -> int { return NGHTTP2_ERR_CANCEL; });
  return callbacks;
}

Http2Wire::Http2Wire(bool server, const Http2Config& config, const nghttp2_session_callbacks* callbacks,
                     void* user)
    : guard_(config.guard, server), max_header_list_(config.max_header_list_bytes) {
  nghttp2_option* const option = new_option();
  must(server ? nghttp2_session_server_new3(&wire_, callbacks, user, option, memory_.table())
              : nghttp2_session_client_new3(&wire_, callbacks, user, option, memory_.table()));
  nghttp2_option_del(option);

  const bool small = plant::on(plant::Kind::small_window);
  const std::int32_t window = small ? 65'535 : config.stream_window_bytes;
  const std::int32_t connection_window = small ? 65'535 : config.connection_window_bytes;
  std::array<nghttp2_settings_entry, 5> settings{};
  std::size_t n = 0;
  const auto add = [&](std::int32_t id, std::uint32_t value) { settings[n++] = {id, value}; };
  if (server) {
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, config.max_concurrent_streams);
  } else {
    add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
  }
  add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(window));
  add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, config.max_header_list_bytes);
  // RFC 9218 §2.1: no priority tree, hence no bookkeeping for it.
  add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
  must(nghttp2_submit_settings(wire_, NGHTTP2_FLAG_NONE, settings.data(), n));
  // RFC 9113 §6.9.2: SETTINGS do not change the connection's window, only WINDOW_UPDATE does.
  must(nghttp2_session_set_local_window_size(wire_, NGHTTP2_FLAG_NONE, 0, connection_window));
}

Http2Wire::~Http2Wire() {
  nghttp2_session_del(wire_);
}

bool Http2Wire::receive(std::string_view bytes, Instant now) {
  DRAGSTRIP_CHECK(!busy_);
  if (failed_) return false;
  if (terminating_) return true;  // read no more, see begin_frame()
  now_ = now;
  busy_ = true;
  const ssize_t taken = nghttp2_session_mem_recv(wire_, bytes_of(bytes), bytes.size());
  busy_ = false;
  if (taken < 0) {
    // nghttp2 gives up without a word on floods and on a bad preface. A verdict of ours has its GOAWAY
    // already.
    failed_ = true;
    terminate(taken == NGHTTP2_ERR_FLOODED ? Http2Error::enhance_your_calm : Http2Error::protocol_error);
    return false;
  }
  return true;
}

bool Http2Wire::pump(Buffer& out, std::size_t limit) {
  if (busy_) return true;
  busy_ = true;
  out_ = &out;
  out_limit_ = limit < ~out.size() ? out.size() + limit : ~std::size_t{0};
  while (!at_limit()) {
    const std::uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(wire_, &data);
    DRAGSTRIP_CHECK(n >= 0);  // negative: no memory, or a callback of ours failed, which none does
    if (n == 0) break;        // nothing left, or stopped at the limit
    out.append({reinterpret_cast<const char*>(data), static_cast<std::size_t>(n)});
    if (ended_by_headers_ != 0) {
      const std::int32_t id = ended_by_headers_;
      ended_by_headers_ = 0;
      end_stream_written(id);
    }
  }
  const bool drained = !at_limit();
  out_ = nullptr;
  busy_ = false;
  return drained;
}

bool Http2Wire::finished() const noexcept {
  return nghttp2_session_want_read(wire_) == 0 && nghttp2_session_want_write(wire_) == 0;
}

std::int32_t Http2Wire::submit_request(std::span<const Http2Field> fields, Http2Body* body, void* stream) {
  if (terminating_) return -1;
  nghttp2_data_provider provider{};
  provider.source.ptr = body;
  provider.read_callback = read_body;
  const std::int32_t id = nghttp2_submit_request(wire_, nullptr, fields.data(), fields.size(),
                                                 body != nullptr ? &provider : nullptr, stream);
  DRAGSTRIP_CHECK(id >= 0 || id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE);
  return std::max(id, -1);
}

void Http2Wire::submit_response(std::int32_t id, std::span<const Http2Field> fields, Http2Body* body) {
  nghttp2_data_provider provider{};
  provider.source.ptr = body;
  provider.read_callback = read_body;
  must(nghttp2_submit_response(wire_, id, fields.data(), fields.size(),
                               body != nullptr ? &provider : nullptr));
}

void Http2Wire::set_incremental(std::int32_t id) {
  nghttp2_extpri priority{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  // A stream that was reset meanwhile has no priority to change.
  static_cast<void>(nghttp2_session_change_extpri_stream_priority(wire_, id, &priority, 1));
}

void Http2Wire::resume(std::int32_t id, Http2Body& body) {
  if (!body.deferred) return;
  body.deferred = false;
  // Fails for a stream that is being reset: then nobody waits for the data.
  static_cast<void>(nghttp2_session_resume_data(wire_, id));
}

void Http2Wire::reset(std::int32_t id, Http2Error error) {
  must(nghttp2_submit_rst_stream(wire_, NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(error)));
}

void Http2Wire::terminate(Http2Error error) {
  terminating_ = true;
  must(nghttp2_session_terminate_session(wire_, static_cast<std::uint32_t>(error)));
}

void Http2Wire::go_away(Http2Error error) {
  must(nghttp2_submit_goaway(wire_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(wire_),
                             static_cast<std::uint32_t>(error), nullptr, 0));
}

void* Http2Wire::stream(std::int32_t id) noexcept {
  // The events of one frame, and often of many, ask for the same stream.
  if (id != cached_id_) {
    cached_stream_ = nghttp2_session_get_stream_user_data(wire_, id);
    cached_id_ = cached_stream_ != nullptr ? id : 0;
  }
  return cached_stream_;
}

void Http2Wire::set_stream(std::int32_t id, void* stream) noexcept {
  // Fails when the stream is gone already, which is what a caller that lets go of it wants.
  static_cast<void>(nghttp2_session_set_stream_user_data(wire_, id, stream));
  forget_cached(id);
}

void Http2Wire::forget_cached(std::int32_t id) noexcept {
  if (id == cached_id_) cached_id_ = 0;
}

std::uint32_t Http2Wire::peer_max_concurrent_streams() const noexcept {
  return nghttp2_session_get_remote_settings(wire_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void Http2Wire::judge(Http2Guard::Verdict verdict) {
  if (verdict == Http2Guard::Verdict::fine || terminating_) return;
  terminate(verdict == Http2Guard::Verdict::protocol_error ? Http2Error::protocol_error
                                                           : Http2Error::enhance_your_calm);
}

// Behind a verdict nghttp2 must not see another frame: a DATA frame on an idle stream fails an assertion of
// 1.52 then, and ends the process (found by tests/fuzz; the fixes of deb12u3 do not cover it).
int Http2Wire::begin_frame(const nghttp2_frame_hd& head) {
  if (!terminating_) judge(guard_.on_frame_head(head.type, head.flags, head.stream_id, now_));
  return terminating_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

void Http2Wire::data_frame_received(const nghttp2_frame& frame) {
  const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (plant::on(plant::Kind::window_update_per_data)) {
    must(nghttp2_submit_window_update(wire_, NGHTTP2_FLAG_NONE, 0, 1));
  }
  if (!terminating_) judge(guard_.on_data_frame(frame.hd.length - frame.data.padlen, end, now_));
}

// A byte of HPACK may stand for 4,000 that nghttp2 looks at one by one: 12 KB were 40 ms in which nobody else
// was served.
void Http2Wire::count_field(std::size_t bytes) {
  const std::size_t before = block_bytes_;
  block_bytes_ += bytes + 32;  // RFC 9113 §6.5.2
  if (block_bytes_ <= max_header_list_) return;
  if (before <= max_header_list_) judge(guard_.on_large_header_list(now_));
  if (block_bytes_ > 4 * max_header_list_) judge(Http2Guard::Verdict::enhance_your_calm);
}

void Http2Wire::frame_sent(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      guard_.on_useful_frame_sent();
      if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) ended_by_headers_ = frame.hd.stream_id;
      break;
    case NGHTTP2_DATA:
      guard_.on_useful_frame_sent();
      if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) end_stream_written(frame.hd.stream_id);
      break;
    case NGHTTP2_RST_STREAM:
      if (!terminating_) judge(guard_.on_reset_sent(frame.rst_stream.error_code, now_));
      break;
    default:
      break;
  }
}

ssize_t Http2Wire::read_body(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length,
                             std::uint32_t* flags, nghttp2_data_source* source, void*) {
  Http2Body& body = *static_cast<Http2Body*>(source->ptr);
  const std::size_t n = std::min(length, body.pending());
  if (n == 0 && !body.ended) {
    body.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;  // the payload goes from the body straight to the output: send_data
  if (body.ended && n == body.pending()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(n);
}

}  // namespace dragstrip
