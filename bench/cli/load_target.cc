#include "bench/cli/load_target.h"

#include <algorithm>

#include "core/base/error.h"

namespace dragstrip::cli {

namespace {

[[noreturn]] void bad(std::string_view url, const std::string& why) {
  throw UserError(ExitCode::usage, "cannot use '" + std::string(url) + "': " + why);
}

void check_scheme(std::string_view url, std::string_view scheme, const Row& row) {
  if (scheme == "http") return;
  if (scheme == "https" || scheme == "wss") bad(url, "TLS is not supported; use http:// or ws://");
  if (scheme != "ws" && scheme != "tcp") bad(url, "the scheme is one of http, ws, tcp");
  const bool fits = scheme == "ws" ? row.delivery == Delivery::websocket : row.delivery == Delivery::tcp;
  if (!fits) bad(url, "row " + std::string(row.name) + " needs an http:// URL");
}

}  // namespace

LoadTarget parse_target(std::string_view url, const Row& row) {
  const auto blank = [](unsigned char c) { return c <= ' ' || c == 0x7f; };
  if (std::any_of(url.begin(), url.end(), blank)) {
    bad(url, "a blank or control character would break the request apart; write %20 for a blank");
  }
  std::string_view rest = url;
  if (const std::size_t colon = rest.find("://"); colon != std::string_view::npos) {
    check_scheme(url, rest.substr(0, colon), row);
    rest.remove_prefix(colon + 3);
  }
  LoadTarget target;
  const std::size_t slash = rest.find_first_of("/?#");
  std::string host(rest.substr(0, slash));
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  if (host.find('@') != std::string::npos) bad(url, "user names in URLs are not supported");
  if (path.find('#') != std::string_view::npos) bad(url, "a fragment is never sent to a server");
  const bool has_port = host.rfind(':') != std::string::npos && host.back() != ']';
  auto address = parse_address(has_port ? host : host + ":80");
  if (host.empty() || !address || address->port == 0) {
    bad(url, "it takes an IP address or localhost, and a port, as in http://127.0.0.1:8080");
  }
  target.peer = *address;
  target.authority = std::move(host);
  const std::size_t question = path.find('?');
  if (question != std::string_view::npos) target.query = path.substr(question + 1);
  path = path.substr(0, question);
  target.foreign = !(path.empty() || path == "/") || !target.query.empty();
  if (target.foreign) target.path = path.empty() ? "/" : std::string(path);
  if (target.foreign && row.delivery == Delivery::tcp) bad(url, "row tcp has no paths");
  return target;
}

}  // namespace dragstrip::cli
