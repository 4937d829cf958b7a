#include "bench/counters/instructions.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <nghttp2/nghttp2.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "bench/runner/process.h"
#include "core/base/error.h"
#include "results/build_info.h"

// callgrind counts between this function's entry and its return, and writes a count down at each return. It
// is known by its name, so it may neither be inlined nor cloned, nor may its last call become a jump.
#if defined(__GNUC__) && !defined(__clang__)
#define DRAGSTRIP_KEEP __attribute__((noipa))
#else
#define DRAGSTRIP_KEEP __attribute__((noinline))
#endif
extern "C" DRAGSTRIP_KEEP bool dragstrip_counted_work(dragstrip::counters::Work* work,
                                                      std::uint32_t messages) {
  const bool done = work->run(messages);
  asm volatile("" : : : "memory");
  return done;
}

namespace dragstrip::counters {

namespace {

namespace fs = std::filesystem;

constexpr Duration kCountingTakes{240'000'000'000};
// glibc chooses its string functions by the processor; these are what every x86-64 has, so that counts of two
// machines can be compared. Other architectures ignore the words.
constexpr std::string_view kPlainStrings =
    "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-ERMS,-"
    "FSRM,-"
    "SSSE3,-SSE4_1,-SSE4_2,-BMI2,-RTM";

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "dragstrip-instructions-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw UserError(ExitCode::not_written, "cannot make a folder in " + fs::temp_directory_path().string());
    }
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

std::string search_path() {
  const char* const set = std::getenv("PATH");
  return set == nullptr ? "/usr/local/bin:/usr/bin:/bin" : set;
}

void need_valgrind() {
  std::istringstream folders(search_path());
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((fs::path(folder) / "valgrind").c_str(), X_OK) == 0) return;
  }
  throw UserError(ExitCode::usage,
                  "valgrind counts the instructions and is not there: apt-get install valgrind");
}

Launch launch_for(const CountingChild& child, const std::string& folder) {
  Launch launch;
  launch.argv = {"env", "-i", "PATH=" + search_path(), std::string(kPlainStrings)};
#ifdef DRAGSTRIP_PLANTS
  if (const char* const plant = std::getenv("DRAGSTRIP_PLANT")) {
    launch.argv.push_back("DRAGSTRIP_PLANT=" + std::string(plant));
  }
#endif
  launch.argv.insert(launch.argv.end(), child.environment.begin(), child.environment.end());
  launch.argv.insert(launch.argv.end(),
                     {"valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no",
                      "--toggle-collect=dragstrip_counted_work", "--dump-after=dragstrip_counted_work",
                      "--callgrind-out-file=" + folder + "/count"});
  launch.argv.insert(launch.argv.end(), child.argv.begin(), child.argv.end());
  launch.directory = folder;  // where no .valgrindrc is
  return launch;
}

// What the child says for itself: the processor as valgrind shows it decides how CRC-32C is computed.
std::string processor() {
  utsname name{};
  std::string text = ::uname(&name) == 0 ? name.machine : "unknown";
#if defined(__x86_64__)
  text += __builtin_cpu_supports("sse4.2") != 0 ? " with sse4.2" : " without sse4.2";
#endif
  return text;
}

struct Part {
  std::string creator;
  std::optional<std::uint64_t> total;
};

Part read_part(const std::string& path) {
  Part part;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const auto value = [&](std::string_view key) -> const char* {
      return line.compare(0, key.size(), key) == 0 ? line.c_str() + key.size() : nullptr;
    };
    if (const char* const creator = value("creator: callgrind-")) part.creator = creator;
    if (const char* const total = value("totals: ")) part.total = std::strtoull(total, nullptr, 10);
  }
  return part;
}

void run_under_valgrind(const CountingChild& child, const std::string& folder, std::string& said) {
  Interrupts interrupts;
  Process process(launch_for(child, folder));
  const WaitEnd end =
      wait_for({&process}, &interrupts, stamp() + kCountingTakes, [&] { return process.exit().has_value(); });
  if (end == WaitEnd::interrupted) throw UserError(ExitCode::interrupted, "interrupted while counting");
  if (!process.exit())
    throw UserError(ExitCode::target_failed, "counting instructions did not come to an end");
  if (process.exit()->code != 0) {
    throw UserError(ExitCode::target_failed,
                    "counting instructions " + process.exit()->text() + ": " + process.last_error_line());
  }
  said = process.out();
  while (!said.empty() && said.back() == '\n') said.pop_back();
}

}  // namespace

int run_works(const std::vector<CodecWork>& works) {
  for (const CodecWork& work : works) {
    // Warmed up: buffers have grown, symbols are bound, HPACK's tables are filled.
    if (work.work->run(kMessages) && dragstrip_counted_work(work.work.get(), kMessages)) continue;
    std::fprintf(stderr, "%s did not do its work\n", work.codec.c_str());
    return static_cast<int>(ExitCode::target_failed);
  }
  std::printf("%s\n", processor().c_str());
  return 0;
}

CountingChild own_child() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) {
    throw UserError(ExitCode::usage, "cannot find this program in /proc/self/exe: " + error.message());
  }
  CountingChild child;
  child.argv = {self.string(), "counters", "--run-codecs"};
  for (const CodecWork& work : codec_works()) child.codecs.push_back(work.codec);
  return child;
}

Instructions count_instructions(const CountingChild& child) {
  need_valgrind();
  const Folder folder;
  std::string said;
  run_under_valgrind(child, folder.path(), said);
  Instructions counted;
  const BuildInfo& build = build_info();
  counted.counted_with = {
      {"compiler", build.compiler},           {"flags", build.flags},
      {"build type", build.build_type},       {"processor", said},
      {"glibc", ::gnu_get_libc_version()},    {"nghttp2", nghttp2_version(0)->version_str},
      {"messages", std::to_string(kMessages)}};
  for (std::size_t i = 0; i < child.codecs.size(); ++i) {
    const Part part = read_part(fmt::format("{}/count.{}", folder.path(), i + 1));
    if (!part.total || *part.total == 0) {
      throw UserError(ExitCode::target_failed, "valgrind wrote no count of " + child.codecs[i] +
                                                   "; a program without symbols cannot be counted");
    }
    counted.counted_with["valgrind"] = part.creator;
    counted.codecs[child.codecs[i]] = *part.total;
  }
  return counted;
}

}  // namespace dragstrip::counters
