// Runs a target over files and folders of inputs, as an ordinary test: whatever the fuzzer once found stays
// found, in every build. Exit 2 when there is nothing to run, since a corpus that went missing must be seen.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    std::error_code error;
    if (!fs::is_directory(argv[i], error)) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(argv[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::size_t runs = 0;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
      std::fprintf(stderr, "cannot read %s\n", file.c_str());
      return 2;
    }
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    std::printf("%s\n", file.c_str());  // the last one printed is the one that failed
    std::fflush(stdout);
    dragstrip::fuzz::one_input(bytes);
    ++runs;
  }
  std::printf("%zu inputs, no finding\n", runs);
  if (runs == 0) std::fprintf(stderr, "no inputs: name files or folders of the corpus\n");
  return runs == 0 ? 2 : 0;
}
