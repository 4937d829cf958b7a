// A suite: which cells are run, how often and for how long. Read from TOML that people copy and edit, so
// every error names file, line, and what was probably meant.
//
// A table [gate] is left to bench/gate/config.h. Owns: the meaning and the limits of the keys (the comments
// in bench/suites/quick.toml explain them), the product of lists, the ids and groups of cells. Never: runs
// anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/schedule.h"
#include "core/base/time.h"

namespace dragstrip {

struct CellSpec {
  std::string id;     // "feed/sse/h1/c100/r100/p100"
  std::string group;  // "feed c100 r100 p100": the cells that are compared with each other
  std::string stack = "native";
  std::string workload;
  std::string row;
  bool open = true;  // closed: `rate_per_s` is absent
  Arrival arrival = Arrival::poisson;
  std::uint32_t clients = 1;
  std::uint32_t threads = 1;
  // Of all clients together; feed: messages a second on the one topic.
  std::optional<double> rate_per_s;
  std::uint32_t payload_bytes = 100;
  std::optional<std::uint32_t> room_size;
  std::optional<Duration> poll_interval;                 // short-poll rows only
  std::optional<std::uint32_t> channels_per_connection;  // h2 rows only
  // Of a server that is not of our contract; empty: ours.
  std::string path;    // "/api/ping"
  std::string method;  // "GET", "POST"
  Duration warmup{0};
  Duration window{0};
  Duration timeout{0};
};

struct Suite {
  std::string name;
  std::string text;  // as read
  std::uint32_t rounds = 1;
  std::uint64_t seed = 1;
  std::vector<CellSpec> cells;
};

// "quick" is bench/suites/quick.toml; anything with a slash or ending in .toml is a path.
Suite load_suite(const std::string& name_or_path);
// `file` is what errors call it. All errors are UserError(usage).
Suite parse_suite(const std::string& text, const std::string& file);

// Drops cells. Unknown names are UserError(usage) with the nearest one; so is a filter that leaves nothing.
void filter_cells(Suite& suite, const std::vector<std::string>& workloads,
                  const std::vector<std::string>& rows);

// For another stack: id and group carry its name. Rows it does not have are dropped.
std::vector<CellSpec> cells_for_stack(const std::vector<CellSpec>& cells, const std::string& stack,
                                      const std::vector<std::string>& stack_rows);

// What a run of the cell takes, without processes: warm-up and window.
Duration planned_time(const CellSpec& cell);

}  // namespace dragstrip
