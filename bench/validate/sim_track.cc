// The track under the virtual clock: exact, the same every time, takes no time.
#include <fmt/format.h>

#include "bench/validate/track.h"
#include "bench/workloads/control_request.h"
#include "core/base/error.h"
#include "core/sim/sim_world.h"
#include "servers/server.h"

namespace dragstrip::validate {

namespace {

constexpr std::uint16_t kPort = 80;
constexpr Duration kQuiet{1'000'000};
constexpr Duration kControlPatience{10'000'000'000};
constexpr std::size_t kKernelBuffer = 64u << 20;  // never what limits: V6 is about other windows

class SimTrack final : public Track {
 public:
  explicit SimTrack(const TrackOptions& options)
      : server_host_(world_.add_host()), control_host_(world_.add_host()), client_host_(world_.add_host()) {
    ServerOptions server_options;
    server_options.http2.wire.stream_window_bytes = options.h2_window_bytes;
    server_options.http2.wire.connection_window_bytes = options.h2_window_bytes;
    server_ = std::make_unique<Server>(server_host_, hub_, server_options);
    server_host_.listen(kPort, *server_);
  }
  ~SimTrack() override {
    server_host_.stop_listening(kPort);
    server_.reset();
  }
  SimTrack(const SimTrack&) = delete;
  SimTrack& operator=(const SimTrack&) = delete;

  [[nodiscard]] bool real() const noexcept override { return false; }
  Host& host() override { return client_host_; }

  Address address(Duration one_way) override {
    SimDirection direction;
    direction.delay = one_way;
    direction.window = kKernelBuffer;
    client_host_.set_link(SimLink::both(direction));
    return sim_address(kPort);
  }

  void turn(Instant until) override {
    bool one = false;
    (void)world_.run_until_true([&] { return std::exchange(one, true); }, until - world_.now());
  }

  OtherSide count_elsewhere() override {
    const Traffic server = server_host_.traffic();
    const Traffic control = control_host_.traffic();
    return {server.app_bytes_in - control.app_bytes_out, server.app_bytes_out - control.app_bytes_in};
  }

  std::string ask(Method method, std::string path, std::string query, std::string body) override {
    std::string answer;
    {
      ControlRequest request(control_host_, {sim_address(kPort), "control", method, path, query, body});
      if (!run_until([&] { return request.done(); }, kControlPatience) || !request.ok()) {
        throw UserError(ExitCode::target_failed,
                        fmt::format("the simulated server did not take {}: {}", path, request.failure()));
      }
      answer = request.answer();
    }
    return answer;
  }

 private:
  SimWorld world_;
  SimHost& server_host_;
  SimHost& control_host_;
  SimHost& client_host_;
  Hub hub_;
  std::unique_ptr<Server> server_;
};

}  // namespace

void Track::settle() {
  const Duration quiet = real() ? Duration{5'000'000} : kQuiet;
  for (int i = 0; i < 200; ++i) {
    const Traffic before = host().traffic();
    run_for(quiet);
    const Traffic after = host().traffic();
    if (before.app_bytes_in == after.app_bytes_in && before.app_bytes_out == after.app_bytes_out) return;
  }
}

std::unique_ptr<Track> make_sim_track(const TrackOptions& options) {
  return std::make_unique<SimTrack>(options);
}

}  // namespace dragstrip::validate
