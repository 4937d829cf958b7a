#include "servers/echo.h"

#include "core/base/plant.h"
#include "servers/answers.h"

namespace dragstrip {

void on_echo(ServerExchange& exchange, const Request& request) {
  plant::message(request.body);
  answer_text(exchange, 200, request.method == Method::get ? std::string_view("ok") : request.body);
}

}  // namespace dragstrip
