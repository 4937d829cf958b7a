// Stands in for the dragstrip program in tests of the runner: no sockets. FAKE says how it misbehaves.
//
//   fake_program serve ...   prints the listening line and waits for SIGTERM
//   fake_program load ...    prints a good record
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "core/base/random.h"
#include "core/base/slices.h"
#include "tests/results/sample_run.h"

namespace {

std::string mode() {
  const char* const value = std::getenv("FAKE");
  return value != nullptr ? value : "ok";
}

std::string argument(int argc, char** argv, const char* flag) {
  for (int i = 0; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], flag) == 0) return argv[i + 1];
  }
  return {};
}

// Which processes ran, for the test that nothing is left behind.
void note_pid() {
  if (const char* const path = std::getenv("FAKE_PIDS"))
    std::ofstream(path, std::ios::app) << ::getpid() << "\n";
}

[[noreturn]] void wait_for_ever() {
  while (true) ::pause();
}

int serve() {
  const std::string how = mode();
  if (how == "serve_fails") {
    std::fprintf(stderr, "cannot listen: no such luck\n");
    return 2;
  }
  if (how == "serve_silent") wait_for_ever();
  if (how == "serve_deaf") std::signal(SIGTERM, SIG_IGN);
  if (how == "serve_crashes_when_stopped") std::signal(SIGTERM, [](int) { std::abort(); });
  if (how == "serve_has_children" && ::fork() == 0) {
    note_pid();
    std::signal(SIGTERM, SIG_IGN);
    wait_for_ever();
  }
  std::printf("listening 127.0.0.1:9\n");
  std::fflush(stdout);
  if (how == "serve_dies") {
    std::fprintf(stderr, "out of luck\n");
    return 1;
  }
  wait_for_ever();
}

// `load --floor`: before any run, so the other modes leave it alone.
int floor(int argc, char** argv) {
  if (mode() == "floor_fails") {
    std::fprintf(stderr, "no loopback here\n");
    return 4;
  }
  dragstrip::testing::SampleRun sample;
  sample.row = argument(argc, argv, "--row");
  sample.workload = argument(argc, argv, "--workload");
  sample.p99_ns = 1234;
  std::printf("%s\n", dragstrip::testing::sample_run_json(sample).c_str());
  return 0;
}

int load(int argc, char** argv) {
  if (argc > 2 && std::strcmp(argv[2], "--floor") == 0) return floor(argc, argv);
  const char* const sliced_cpu = std::getenv("FAKE_SLICED_CPU_NS");  // it knows how to take turns
  if (argc > 2 && std::strcmp(argv[2], "--help") == 0)
    return std::puts(sliced_cpu != nullptr ? "  --slices TEXT" : "no help"), 0;
  const std::string how = mode();
  if (how == "load_hangs" || how == "serve_dies") wait_for_ever();
  if (how == "load_interrupts") {  // Ctrl-C in the middle of a run
    ::kill(::getppid(), SIGINT);
    wait_for_ever();
  }
  if (how == "load_crashes") std::abort();
  if (how == "load_garbage") return std::puts("hello"), 0;
  if (how == "load_usage") {
    std::fprintf(stderr, "4096 descriptors are needed, there are 64\n");
    return 2;
  }
  dragstrip::testing::SampleRun sample;
  sample.row = argument(argc, argv, "--row");
  sample.workload = argument(argc, argv, "--workload");
  if (how == "load_wrong_schedule") sample.schedule_hash = sample.row;
  const std::uint64_t seed = std::strtoull(argument(argc, argv, "--seed").c_str(), nullptr, 10);
  sample.p99_ns = (sample.row == "sse/h1" ? 600'000 : 400'000) + static_cast<double>(seed % 1000);
  if (const char* const cpu = std::getenv("FAKE_SERVER_CPU_NS"))
    sample.server_cpu_ns = std::strtod(cpu, nullptr);
  if (const auto slices = dragstrip::parse_slices(argument(argc, argv, "--slices")); slices && sliced_cpu) {
    sample.slices = slices->blocks;
    sample.sliced_cpu_ns = std::strtod(sliced_cpu, nullptr);
  }
  if (how == "load_invalid" || how == "load_lost") sample.verdict = "invalid";
  if (how == "load_lost") sample.lost = 5;
  std::printf("%s\n", dragstrip::testing::sample_run_json(sample).c_str());
  return how == "load_invalid" ? 4 : how == "load_lost" ? 3 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  note_pid();
  if (argc > 1 && std::strcmp(argv[1], "serve") == 0) return serve();
  if (argc > 1 && std::strcmp(argv[1], "load") == 0) return load(argc, argv);
  return 2;
}
