// The server process that transport_bench measures against: `dragstrip serve` from the same folder as this
// program, on core 0, with this program on the last core. Started when first asked for, ended with the
// program. Failing to start is UserError.
#pragma once

#include <sys/types.h>

#include <memory>

#include "bench/runner/process.h"
#include "core/transport/address.h"

namespace dragstrip::micro {

class PairedServer {
 public:
  PairedServer();
  [[nodiscard]] const Address& address() const noexcept { return address_; }
  [[nodiscard]] pid_t pid() const noexcept { return process_->pid(); }

 private:
  std::unique_ptr<Process> process_;
  Address address_;
};

const PairedServer& paired_server();

}  // namespace dragstrip::micro
