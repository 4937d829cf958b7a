// Notices that the target has died: by its process where that is on this machine (pidfd_open(2): the kernel
// says so at once), else by asking, whenever connections or operations fail, whether anybody still listens.
//
// Owns a descriptor of the process and the knocking connection. Never judges a target that is merely slow,
// and never connects while nothing fails: a foreign server must not be measured together with our curiosity.
// Not thread-safe; one loop turn of the host at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/time.h"
#include "core/transport/address.h"
#include "core/transport/host.h"

namespace dragstrip::cli {

class TargetWatch final : private Endpoint {
 public:
  // Connections are made on `host`, by whoever runs it.
  TargetWatch(Host& host, const Address& target);
  ~TargetWatch() override;
  TargetWatch(const TargetWatch&) = delete;
  TargetWatch& operator=(const TargetWatch&) = delete;

  void watch_process(pid_t pid);
  // Becomes readable when the process ends; -1 when there is none to watch.
  [[nodiscard]] int process_fd() const noexcept { return pidfd_; }

  // `troubles` is what the workers count: when it has grown, this knocks. Call it often.
  void look(std::uint64_t troubles, Instant now);
  // True: an answer to a knock is awaited.
  [[nodiscard]] bool knocking() const noexcept { return conn_ != kNoConn; }

  [[nodiscard]] bool dead() const noexcept { return !how_.empty(); }
  // "its process ended", "127.0.0.1:80 refuses connections"
  [[nodiscard]] const std::string& how() const noexcept { return how_; }

 private:
  void on_open(ConnId, Instant at) override;
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant at) override;
  void hang_up();
  [[nodiscard]] bool process_ended() const;

  Host& host_;
  const Address target_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  ConnId conn_ = kNoConn;
  std::uint64_t seen_ = 0;  // troubles that were looked into
  unsigned refused_ = 0;    // knocks in a row
  Instant next_knock_ = kUnset;
  std::string how_;
};

}  // namespace dragstrip::cli
