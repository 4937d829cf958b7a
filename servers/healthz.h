// GET /healthz: who is answering. The text is made once, at start.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/transport/exchange.h"

namespace dragstrip {

class Healthz {
 public:
  Healthz(std::string_view server_name, std::string_view version, std::int64_t pid, std::string_view faults);
  void on_get(ServerExchange& exchange) const;

 private:
  std::string body_;
};

}  // namespace dragstrip
