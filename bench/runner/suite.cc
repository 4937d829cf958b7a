#include "bench/runner/suite.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <sstream>
#include <string_view>

#include "bench/runner/home.h"
#include "bench/runner/nearest.h"
#include "bench/workloads/workloads.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/transport/rows.h"
#include "results/number.h"

namespace dragstrip {

namespace {

constexpr std::array<std::string_view, 5> kTopKeys{"rounds", "seed", "defaults", "cells", "gate"};
constexpr std::array<std::string_view, 16> kCellKeys{"workload",
                                                     "rows",
                                                     "mode",
                                                     "arrival",
                                                     "clients",
                                                     "threads",
                                                     "rate",
                                                     "payload",
                                                     "room_size",
                                                     "poll_interval",
                                                     "channels_per_connection",
                                                     "path",
                                                     "method",
                                                     "warmup",
                                                     "window",
                                                     "timeout"};
constexpr std::size_t kMaxCells = 10'000;

std::vector<std::string_view> workload_names() {
  std::vector<std::string_view> names;
  names.reserve(kWorkloads.size());
  for (const Workload& workload : kWorkloads) names.push_back(workload.name);
  return names;
}

std::vector<std::string_view> row_names() {
  std::vector<std::string_view> names;
  names.reserve(kRows.size());
  for (const Row& row : kRows) names.push_back(row.name);
  return names;
}

bool has_rooms(const Workload& workload) {
  return workload.kind == WorkloadKind::chat;
}

// Reads one file; every complaint says where.
class Reader {
 public:
  Reader(std::string file, Suite& suite) : file_(std::move(file)), suite_(suite) {}

  void read(const toml::table& root) {
    check_keys(root, kTopKeys);
    suite_.rounds = static_cast<std::uint32_t>(integer(root, "rounds", 6, 1, 1000));
    suite_.seed = static_cast<std::uint64_t>(integer(root, "seed", 1, 0, std::int64_t{1} << 53));
    static const toml::table none;
    const toml::table* defaults = &none;
    if (const toml::node* node = root.get("defaults")) {
      defaults = node->as_table();
      if (defaults == nullptr) fail(*node, "'defaults' is a table: write [defaults]");
      check_keys(*defaults, kCellKeys);
    }
    const toml::node* cells = root.get("cells");
    if (cells == nullptr || cells->as_array() == nullptr || cells->as_array()->empty()) {
      fail(cells == nullptr ? static_cast<const toml::node&>(root) : *cells,
           "a suite needs at least one [[cells]]");
    }
    for (const toml::node& node : *cells->as_array()) {
      if (node.as_table() == nullptr) fail(node, "'cells' are tables: write [[cells]]");
      read_block(*node.as_table(), *defaults);
    }
  }

 private:
  [[noreturn]] void fail(const toml::node& at, const std::string& what) const {
    const auto line = at.source().begin.line;
    throw UserError(ExitCode::usage, file_ + ":" + std::to_string(line > 0 ? line : 1) + ": " + what);
  }

  template <std::size_t N>
  void check_keys(const toml::table& table, const std::array<std::string_view, N>& known) const {
    for (const auto& [key, node] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      throw UserError(ExitCode::usage, file_ + ":" + std::to_string(key.source().begin.line) +
                                           ": unknown key '" + std::string(key.str()) + "'" +
                                           did_you_mean(key.str(), known));
    }
  }

  std::int64_t to_integer(const toml::node& node, std::string_view key, std::int64_t low,
                          std::int64_t high) const {
    const auto value = node.value_exact<std::int64_t>();
    if (!value) fail(node, "'" + std::string(key) + "' is a whole number");
    if (*value < low || *value > high) {
      fail(node, "'" + std::string(key) + "' is " + std::to_string(*value) + ", it must be from " +
                     std::to_string(low) + " to " + std::to_string(high));
    }
    return *value;
  }

  std::int64_t integer(const toml::table& table, std::string_view key, std::int64_t fallback,
                       std::int64_t low, std::int64_t high) const {
    const toml::node* node = table.get(key);
    return node == nullptr ? fallback : to_integer(*node, key, low, high);
  }

  double to_rate(const toml::node& node) const {
    const auto value = node.value<double>();
    if (!value || node.is_string()) fail(node, "'rate' is a number of operations per second");
    if (!(*value > 0 && *value <= 1e7)) fail(node, "'rate' must be above 0 and at most 10000000 per second");
    return *value;
  }

  Duration to_duration(const toml::node& node, std::string_view key, Duration low, Duration high) const {
    const auto text = node.value_exact<std::string>();
    const auto value = text ? parse_duration(*text) : std::nullopt;
    if (!value) fail(node, "'" + std::string(key) + "' is a duration with a unit, as in \"500ms\" or \"2s\"");
    if (*value < low || *value > high) {
      fail(node, "'" + std::string(key) + "' must be from " + format_duration(low) + " to " +
                     format_duration(high));
    }
    return *value;
  }

  // A key of the block, else of [defaults]; a plain value counts as a list of one.
  struct Found {
    const toml::node* node = nullptr;
    [[nodiscard]] std::vector<const toml::node*> items() const {
      std::vector<const toml::node*> list;
      if (node == nullptr) return list;
      if (const toml::array* array = node->as_array()) {
        for (const toml::node& item : *array) list.push_back(&item);
      } else {
        list.push_back(node);
      }
      return list;
    }
  };
  static Found find(const toml::table& block, const toml::table& defaults, std::string_view key) {
    if (const toml::node* node = block.get(key)) return {node};
    return {defaults.get(key)};
  }

  std::string one_of(const toml::node& node, std::string_view key,
                     std::span<const std::string_view> allowed) const {
    const auto text = node.value_exact<std::string>();
    if (text && std::find(allowed.begin(), allowed.end(), *text) != allowed.end()) return *text;
    std::string list;
    for (const std::string_view name : allowed) list += (list.empty() ? "" : ", ") + std::string(name);
    const std::string hint = text ? did_you_mean(*text, allowed) : std::string{};
    fail(node, (text ? "unknown " + std::string(key) + " '" + *text + "'"
                     : "'" + std::string(key) + "' is a string") +
                   (hint.empty() ? "; there are " + list : hint));
  }

  std::vector<std::string> rows_of(const toml::table& block, const Found& found,
                                   const Workload& workload) const {
    std::vector<std::string> rows;
    if (found.node == nullptr) fail(block, "a cell needs 'rows': a list of names, or \"all\"");
    if (found.node->value_exact<std::string>() == "all") {
      for (const Row& row : kRows) {
        if (carries(row, workload)) rows.emplace_back(row.name);
      }
      return rows;
    }
    const std::vector<std::string_view> names = row_names();
    for (const toml::node* node : found.items()) {
      const std::string name = one_of(*node, "row", names);
      if (!carries(*find_row(name), workload)) {
        fail(*node, "row '" + name + "' cannot carry workload '" + std::string(workload.name) +
                        "'; `dragstrip list rows` says what each can");
      }
      if (std::find(rows.begin(), rows.end(), name) != rows.end())
        fail(*node, "row '" + name + "' is there twice");
      rows.push_back(name);
    }
    if (rows.empty()) fail(*found.node, "'rows' is empty");
    return rows;
  }

  // What the whole block shares; the lists are multiplied out by expand().
  void read_block(const toml::table& block, const toml::table& defaults) {
    check_keys(block, kCellKeys);
    const auto get = [&](std::string_view key) { return find(block, defaults, key); };
    const std::vector<std::string_view> names = workload_names();
    const Found workload_node = get("workload");
    if (workload_node.node == nullptr) fail(block, "a cell needs a 'workload'");
    const Workload* const workload = find_workload(one_of(*workload_node.node, "workload", names));

    CellSpec cell;
    cell.workload = workload->name;
    const Found mode = get("mode");
    static constexpr std::array<std::string_view, 2> modes{"open", "closed"};
    cell.open = mode.node == nullptr || one_of(*mode.node, "mode", modes) == "open";
    if (!cell.open && !workload->closed) {
      fail(mode.node == nullptr ? block : *mode.node,
           "workload '" + cell.workload + "' has no closed mode: its messages come by schedule");
    }
    static constexpr std::array<std::string_view, 2> arrivals{"poisson", "constant"};
    if (const Found arrival = get("arrival"); arrival.node != nullptr) {
      cell.arrival = *parse_arrival(one_of(*arrival.node, "arrival", arrivals));
    }
    if (const Found found = get("threads"); found.node != nullptr) {
      cell.threads = static_cast<std::uint32_t>(to_integer(*found.node, "threads", 1, 64));
    }
    if (const Found found = get("channels_per_connection"); found.node != nullptr) {
      cell.channels_per_connection =
          static_cast<std::uint32_t>(to_integer(*found.node, "channels_per_connection", 1, 10'000));
    }
    if (const Found found = get("path"); found.node != nullptr) {
      cell.path = found.node->value_exact<std::string>().value_or("");
      if (cell.path.size() < 2 || cell.path[0] != '/')
        fail(*found.node,
             "'path' is a string such as \"/api/ping\", of a server that is not of our contract");
    }
    static constexpr std::array<std::string_view, 2> methods{"GET", "POST"};
    if (const Found found = get("method"); found.node != nullptr)
      cell.method = one_of(*found.node, "method", methods);
    cell.warmup = duration_or(get("warmup"), "warmup", Duration{100'000'000}, Duration{0}, kHour);
    cell.window = duration_or(get("window"), "window", Duration{1'000'000'000}, Duration{10'000'000}, kHour);
    cell.timeout =
        duration_or(get("timeout"), "timeout", Duration{2'000'000'000}, Duration{1'000'000}, kHour);
    expand(block, defaults, *workload, cell);
  }

  Duration duration_or(const Found& found, std::string_view key, Duration fallback, Duration low,
                       Duration high) const {
    return found.node == nullptr ? fallback : to_duration(*found.node, key, low, high);
  }

  std::vector<std::optional<double>> rates_of(const toml::table& block, const toml::table& defaults,
                                              bool open) const {
    const Found found = find(block, defaults, "rate");
    if (!open) {
      if (block.get("rate") != nullptr)
        fail(*found.node, "a closed loop has no 'rate': the next operation starts when the last one ends");
      return {std::nullopt};
    }
    if (found.node == nullptr) fail(block, "an open loop needs a 'rate', in operations per second");
    std::vector<std::optional<double>> rates;
    for (const toml::node* node : found.items()) rates.emplace_back(to_rate(*node));
    if (rates.empty()) fail(*found.node, "'rate' is empty");
    return rates;
  }

  std::vector<std::int64_t> integers_of(const Found& found, std::string_view key, std::int64_t fallback,
                                        std::int64_t low, std::int64_t high) const {
    if (found.node == nullptr) return {fallback};
    std::vector<std::int64_t> values;
    for (const toml::node* node : found.items()) values.push_back(to_integer(*node, key, low, high));
    if (values.empty()) fail(*found.node, "'" + std::string(key) + "' is empty");
    return values;
  }

  void expand(const toml::table& block, const toml::table& defaults, const Workload& workload,
              const CellSpec& shared) {
    const auto get = [&](std::string_view key) { return find(block, defaults, key); };
    const std::vector<std::string> rows = rows_of(block, get("rows"), workload);
    std::vector<Duration> intervals;
    for (const toml::node* node : get("poll_interval").items()) {
      intervals.push_back(to_duration(*node, "poll_interval", Duration{1'000'000}, kHour));
    }
    if (intervals.empty()) intervals.push_back(Duration{100'000'000});
    const Found room = get("room_size");
    if (block.get("room_size") != nullptr && !has_rooms(workload)) {
      fail(*room.node, "workload '" + std::string(workload.name) + "' has no rooms");
    }
    for (const std::int64_t clients : integers_of(get("clients"), "clients", 1, 1, 100'000)) {
      for (const auto& rate : rates_of(block, defaults, shared.open)) {
        for (const std::int64_t payload : integers_of(get("payload"), "payload", 100, 32, 1 << 20)) {
          CellSpec cell = shared;
          cell.clients = static_cast<std::uint32_t>(clients);
          cell.rate_per_s = rate;
          cell.payload_bytes = static_cast<std::uint32_t>(payload);
          if (cell.threads > cell.clients) fail(block, "more threads than clients");
          if (has_rooms(workload)) {
            const std::int64_t size = room.node == nullptr ? std::min<std::int64_t>(10, clients)
                                                           : to_integer(*room.node, "room_size", 1, 100'000);
            if (size > clients)
              fail(*room.node, "a room of " + std::to_string(size) + " needs as many clients, there are " +
                                   std::to_string(clients));
            cell.room_size = static_cast<std::uint32_t>(size);
          }
          for (const std::string& row : rows) add_row(block, cell, row, intervals);
        }
      }
    }
  }

  void add_row(const toml::table& block, CellSpec cell, const std::string& name,
               const std::vector<Duration>& intervals) {
    const Row& row = *find_row(name);
    cell.row = name;
    if (row.carrier != Carrier::h2) cell.channels_per_connection.reset();
    const bool polls = row.delivery == Delivery::short_poll;
    for (std::size_t i = 0; i < (polls ? intervals.size() : 1); ++i) {
      if (polls) cell.poll_interval = intervals[i];
      name_cell(cell, i > 0);
      for (const CellSpec& other : suite_.cells) {
        if (other.id == cell.id) fail(block, "cell '" + cell.id + "' is there twice");
      }
      suite_.cells.push_back(cell);
      if (suite_.cells.size() > kMaxCells) fail(block, "more than " + std::to_string(kMaxCells) + " cells");
    }
  }

  // Two intervals of short polling are not two rows: from the second on each is a group of its own.
  static void name_cell(CellSpec& cell, bool own_group) {
    const std::string load = cell.open ? "r" + exact_decimal(*cell.rate_per_s) : "closed";
    std::string id =
        "/c" + std::to_string(cell.clients) + "/" + load + "/p" + std::to_string(cell.payload_bytes);
    std::string group =
        " c" + std::to_string(cell.clients) + " " + load + " p" + std::to_string(cell.payload_bytes);
    if (cell.room_size) {
      id += "/m" + std::to_string(*cell.room_size);
      group += " m" + std::to_string(*cell.room_size);
    }
    if (cell.poll_interval) {
      id += "/i" + format_duration(*cell.poll_interval);
      if (own_group) group += " i" + format_duration(*cell.poll_interval);
    }
    cell.id = cell.workload + "/" + cell.row + id + cell.path;
    cell.group = cell.workload + group + (cell.path.empty() ? "" : " " + cell.path);
  }

  static constexpr Duration kHour{3'600'000'000'000};
  std::string file_;
  Suite& suite_;
};

}  // namespace

Suite parse_suite(const std::string& text, const std::string& file) {
  Suite suite;
  suite.text = text;
  try {
    const toml::table root = toml::parse(text, file);
    Reader(file, suite).read(root);
  } catch (const toml::parse_error& error) {
    throw UserError(ExitCode::usage, file + ":" + std::to_string(error.source().begin.line) + ": " +
                                         std::string(error.description()));
  }
  return suite;
}

Suite load_suite(const std::string& name) {
  const bool is_path = name.find('/') != std::string::npos || name.ends_with(".toml");
  const std::string path = is_path ? name : home_path("bench/suites/" + name + ".toml");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    static constexpr std::array<std::string_view, 4> ours{"smoke", "quick", "card", "gate"};
    if (is_path) throw UserError(ExitCode::usage, "cannot read suite " + path);
    throw UserError(ExitCode::usage,
                    "no suite '" + name + "'" + did_you_mean(name, ours) +
                        "; `dragstrip list suites` names them, a path to a .toml file works too");
  }
  Suite suite = parse_suite(text.str(), is_path ? path : name + ".toml");
  const std::size_t slash = path.rfind('/');
  suite.name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (suite.name.ends_with(".toml")) suite.name.resize(suite.name.size() - 5);
  return suite;
}

void filter_cells(Suite& suite, const std::vector<std::string>& workloads,
                  const std::vector<std::string>& rows) {
  const auto check = [](const std::vector<std::string>& wanted, const std::vector<std::string_view>& known,
                        const std::string& kind) {
    for (const std::string& name : wanted) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      throw UserError(ExitCode::usage, fmt::format("unknown {} '{}'{}; `dragstrip list {}s` names them", kind,
                                                   name, did_you_mean(name, known), kind));
    }
  };
  check(workloads, workload_names(), "workload");
  check(rows, row_names(), "row");
  const auto wanted = [](const std::vector<std::string>& names, const std::string& name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  };
  std::erase_if(suite.cells, [&](const CellSpec& cell) {
    return !wanted(workloads, cell.workload) || !wanted(rows, cell.row);
  });
  if (suite.cells.empty())
    throw UserError(ExitCode::usage,
                    "the filters leave no cell of suite '" + suite.name + "'; --dry-run shows its cells");
}

std::vector<CellSpec> cells_for_stack(const std::vector<CellSpec>& cells, const std::string& stack,
                                      const std::vector<std::string>& stack_rows) {
  std::vector<CellSpec> chosen;
  const std::string id_prefix = stack + ":";
  const std::string group_prefix = stack + ": ";
  for (const CellSpec& cell : cells) {
    if (std::find(stack_rows.begin(), stack_rows.end(), cell.row) == stack_rows.end()) continue;
    chosen.push_back(cell);
    chosen.back().stack = stack;
    chosen.back().id.insert(0, id_prefix);
    chosen.back().group.insert(0, group_prefix);
  }
  return chosen;
}

Duration planned_time(const CellSpec& cell) {
  return cell.warmup + cell.window;
}

}  // namespace dragstrip
