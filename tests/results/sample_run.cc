#include "tests/results/sample_run.h"

#include <fmt/format.h>

#include "core/base/check.h"
#include "results/machine.h"
#include "results/run_record.h"

namespace dragstrip::testing {

namespace {

std::string summary(std::uint64_t count, double p50, double p99, bool lower_bound) {
  return fmt::format(
      R"({{"count":{0},"mean":{1},"min":1000,"p50":{1},"p90":{2},"p95":{2},"p99":{3},"p999":null,"max":{4},)"
      R"("clamped":0,"lower_bound":[{5}],)"
      R"("histogram":{{"unit_ns":1,"sub_bucket_bits":10,"counts":[[5000,{0}]]}}}})",
      count, p50, (p50 + p99) / 2, p99, p99 * 2, lower_bound ? R"("p99","max")" : "");
}

// Ten operations in every block.
std::string slices(const SampleRun& s) {
  if (s.slices == 0) return {};
  std::string ok, p50, cpu;
  for (std::size_t i = 0; i < s.slices; ++i) {
    const char* const comma = i == 0 ? "" : ",";
    ok += fmt::format("{}10", comma);
    p50 += fmt::format("{}{}", comma, s.p50_ns);
    cpu += fmt::format("{}{}", comma, 10 * s.sliced_cpu_ns);
  }
  return fmt::format(R"("slices":{{"ok":[{}],"p50_ns":[{}],"server_cpu_ns":[{}]}},)", ok, p50, cpu);
}

}  // namespace

std::string sample_run_json(const SampleRun& s) {
  const std::string latency = summary(s.scheduled - s.lost, s.p50_ns, s.p99_ns, s.p99_is_lower_bound);
  std::string json = fmt::format(
      R"({{"schema":"dragstrip.run/1","row":"{}","workload":"{}","stack":"native","target":"http://127.0.0.1:9",)"
      R"("mode":"open","arrival":"poisson","offered_rate_per_s":1000,"clients":10,"threads":1,"payload_bytes":100,)"
      R"("seed":1,"room_size":null,"poll_interval_ns":null,"channels_per_connection":null,"warmup_ns":100000000,)"
      R"("window_ns":1000000000,"timeout_ns":2000000000,"schedule_hash":"{}","scheduled":{},)",
      s.row, s.workload, s.schedule_hash, s.scheduled);
  json += fmt::format(
      R"("outcomes":{{"ok":{},"timeout":0,"refused":0,"reset":0,"protocol_error":0,"lagged":0,"lost":{},"abandoned":0}},)"
      R"("deliveries":null,"publishes":null,"latency_ns":{},"service_ns":null,"slip_ns":null,)",
      s.scheduled - s.lost, s.lost, latency);
  json += fmt::format(
      R"("achieved_rate_per_s":999.5,"throughput_per_s":{},"goodput_bytes_per_s":99950,"duration_s":1.0,)"
      R"("wire":{{"bytes_up":2000000,"bytes_down":4000000,"segments_up":20000,"segments_down":20000,)"
      R"("app_bytes_up":1000000,"app_bytes_down":3000000,"retransmits":0,"connections_opened":10}},)"
      R"("cpu":{{"client_ns_per_op":4000,"server_ns_per_op":{},"client_busy_share":0.2}},)",
      s.throughput_per_s, s.server_cpu_ns);
  json += fmt::format(
      R"("memory":{{"server_peak_bytes":8000000,"server_bytes_per_connection":null}},)"
      R"("calls":{{"client_reads":1,"client_writes":2,"client_polls":null}},"polls":null,"connect_ns":null,)"
      R"("seconds":[{{"t":0,"scheduled":{0},"ok":{0},"failed":0,"p99_ns":{1}}}],{4})"
      R"("verdict":"{2}","reasons":[{3}],"complete":true}})",
      s.scheduled, s.p99_ns, s.verdict,
      s.verdict == "valid" ? "" : R"({"code":"slip","text":"the generator was late"})", slices(s));
  return json;
}

RunRecord sample_run(const SampleRun& sample, std::uint32_t round) {
  ParsedRun parsed = parse_run(sample_run_json(sample));
  DRAGSTRIP_CHECK(parsed.error.empty());
  parsed.run.round = round;
  parsed.run.order = 1;
  return parsed.run;
}

Cell sample_cell(const std::string& row, const std::string& group, const std::vector<double>& p99_ns) {
  Cell cell;
  cell.id = group + "/" + row;
  cell.workload = "feed";
  cell.row = row;
  cell.group = group;
  cell.mode = "open";
  cell.clients = 10;
  cell.offered_rate_per_s = 1000;
  cell.payload_bytes = 100;
  for (std::size_t i = 0; i < p99_ns.size(); ++i) {
    SampleRun sample;
    sample.row = row;
    sample.p99_ns = p99_ns[i];
    sample.p50_ns = p99_ns[i] / 4;
    cell.runs.push_back(sample_run(sample, static_cast<std::uint32_t>(i + 1)));
  }
  return cell;
}

Results sample_results(std::vector<Cell> cells) {
  Results results;
  results.complete = true;
  results.created_utc = "2026-11-20T18:00:00Z";
  results.tool = {"0.1.0", "abc", "GNU 12.2.0", "-O2", "Release", false};
  results.machine.kernel = "Linux 6.1";
  results.machine.cpu = "a CPU";
  results.machine.cores = 2;
  results.machine.fitness = "B";
  results.libraries = {{"nghttp2", "1.52.0"}};
  results.suite = {"test", "rounds = 6\n", 1, 6, "dragstrip run"};
  results.cells = std::move(cells);
  return results;
}

}  // namespace dragstrip::testing
