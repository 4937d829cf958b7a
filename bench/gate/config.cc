#include "bench/gate/config.h"

#include <toml++/toml.h>

#include <array>

#include "bench/runner/nearest.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "results/run_record.h"

namespace dragstrip {

namespace {

class ConfigReader {
 public:
  explicit ConfigReader(std::string file) : file_(std::move(file)) {}

  GateConfig read(const toml::table& root) const {
    GateConfig config;
    const toml::node* const node = root.get("gate");
    if (node == nullptr) return config;
    const toml::table* const gate = node->as_table();
    if (gate == nullptr) fail(*node, "'gate' is a table: write [gate]");
    static constexpr std::array<std::string_view, 8> keys{
        "fwer", "max_minutes", "pairs", "pairs_stage2", "min_effect", "mde_required", "slice", "metrics"};
    check_keys(*gate, keys);
    config.fwer = number(*gate, "fwer", 1e-6, 0.2).value_or(config.fwer);
    config.max_minutes = number(*gate, "max_minutes", 0.1, 1440).value_or(config.max_minutes);
    config.pairs_stage1 = whole(*gate, "pairs", config.pairs_stage1, 4, 1000);
    config.pairs_stage2 = whole(*gate, "pairs_stage2", config.pairs_stage2, 7, 1000);
    config.min_effect = number(*gate, "min_effect", 0, 10).value_or(config.min_effect);
    config.mde_required = number(*gate, "mde_required", 0.001, 10).value_or(config.mde_required);
    if (const toml::node* slice = gate->get("slice")) config.slice = read_slice(*slice);
    if (const toml::node* metrics = gate->get("metrics")) read_metrics(*metrics, config);
    return config;
  }

 private:
  [[noreturn]] void fail(const toml::node& at, const std::string& what) const {
    const auto line = at.source().begin.line;
    throw UserError(ExitCode::usage, file_ + ":" + std::to_string(line > 0 ? line : 1) + ": " + what);
  }

  template <std::size_t N>
  void check_keys(const toml::table& table, const std::array<std::string_view, N>& known) const {
    for (const auto& [key, node] : table) {
      bool found = false;
      for (const std::string_view name : known) found = found || name == key.str();
      if (!found) fail(node, "unknown key '" + std::string(key.str()) + "'" + did_you_mean(key.str(), known));
    }
  }

  std::optional<double> number(const toml::table& table, std::string_view key, double low,
                               double high) const {
    const toml::node* const node = table.get(key);
    if (node == nullptr) return std::nullopt;
    const auto value = node->value<double>();
    if (node->is_string() || !value || !(*value >= low && *value <= high)) {
      fail(*node, "'" + std::string(key) + "' is a number from " + std::to_string(low) + " to " +
                      std::to_string(high));
    }
    return value;
  }

  std::uint32_t whole(const toml::table& table, std::string_view key, std::uint32_t fallback,
                      std::int64_t low, std::int64_t high) const {
    const toml::node* const node = table.get(key);
    if (node == nullptr) return fallback;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < low || *value > high) {
      fail(*node, "'" + std::string(key) + "' is a whole number from " + std::to_string(low) + " to " +
                      std::to_string(high));
    }
    return static_cast<std::uint32_t>(*value);
  }

  Duration read_slice(const toml::node& node) const {
    const auto text = node.value_exact<std::string>();
    const auto slice = parse_slice(text.value_or(""));
    if (!slice) fail(node, "'slice' is " + std::string(kSliceRange));
    return *slice;
  }

  void read_metrics(const toml::node& node, GateConfig& config) const {
    const toml::table* const table = node.as_table();
    if (table == nullptr) fail(node, "write [gate.metrics.NAME]");
    for (const auto& [key, value] : *table) {
      const std::string name(key.str());
      if (metric_index(name) == kMetricCount) {
        std::array<std::string_view, kMetricCount> names;
        for (std::size_t i = 0; i < kMetricCount; ++i) names[i] = kMetrics[i].key;
        fail(value, "unknown metric '" + name + "'" + did_you_mean(name, names) +
                        "; `dragstrip list metrics` names them");
      }
      const toml::table* const entry = value.as_table();
      if (entry == nullptr) fail(value, "write [gate.metrics." + name + "]");
      static constexpr std::array<std::string_view, 3> keys{"role", "min_effect", "mde_required"};
      check_keys(*entry, keys);
      MetricConfig& metric = config.metrics[name];
      metric.min_effect = number(*entry, "min_effect", 0, 10);
      metric.mde_required = number(*entry, "mde_required", 0.001, 10);
      if (const toml::node* role = entry->get("role")) metric.role = read_role(*role);
    }
  }

  Role read_role(const toml::node& node) const {
    const auto text = node.value_exact<std::string>();
    for (std::size_t i = 0; text && i < kRoleNames.size(); ++i) {
      if (kRoleNames[i] == *text) return static_cast<Role>(i);
    }
    fail(node, "'role' is gated, watched or shown");
  }

  std::string file_;
};

}  // namespace

std::optional<Duration> parse_slice(std::string_view text) {
  const auto slice = parse_duration(text);
  const bool ok = slice && (*slice == Duration{0} || (*slice >= kShortestSlice && *slice <= kLongestSlice));
  return ok ? slice : std::nullopt;
}

GateConfig parse_gate_config(const std::string& suite_text, const std::string& file) {
  try {
    return ConfigReader(file).read(toml::parse(suite_text, file));
  } catch (const toml::parse_error& error) {
    throw UserError(ExitCode::usage, file + ":" + std::to_string(error.source().begin.line) + ": " +
                                         std::string(error.description()));
  }
}

GateCell gate_cell(const CellSpec& cell, const GateConfig& config) {
  GateCell gate{cell.id, cell.workload, cell.row, {}};
  const auto add = [&](std::string_view key, Role role, double mde, double effect = 0) {
    const std::size_t index = metric_index(key);
    DRAGSTRIP_CHECK(index < kMetricCount);
    const Metric& known = kMetrics[index];
    GateMetric metric{std::string(key),
                      std::string(known.label),
                      known.unit,
                      known.better,
                      role,
                      std::max(effect, config.min_effect),
                      std::max(mde, config.mde_required)};
    if (const auto found = config.metrics.find(metric.key); found != config.metrics.end()) {
      metric.role = found->second.role.value_or(metric.role);
      metric.min_effect = found->second.min_effect.value_or(metric.min_effect);
      metric.mde_required = found->second.mde_required.value_or(metric.mde_required);
    }
    gate.metrics.push_back(std::move(metric));
  };
  const bool lockstep = !cell.open && cell.clients == 1;
  if (cell.open) add("server_cpu_ns_per_op", Role::gated, 0);
  if (!cell.open && !lockstep) add("throughput_per_s", Role::gated, 0);
  if (!cell.open) add("p50_ns", lockstep ? Role::gated : Role::shown, 0);
  if (cell.open) {
    add("p50_ns", Role::watched, 0.25, kOpenMedianEffect);
    // A feed delivers each message to every client. Twice what is needed: a schedule has its own chance.
    const double fan_out = cell.workload == "feed" ? cell.clients : 1;
    const double expected = *cell.rate_per_s * fan_out * static_cast<double>(cell.window.count()) / 1e9;
    if (expected >= 1.2 * static_cast<double>(samples_needed("p99"))) add("p99_ns", Role::watched, 0.25);
  } else {
    add("server_cpu_ns_per_op", Role::shown, 0);
  }
  return gate;
}

}  // namespace dragstrip
