// A whole file of procfs, whose size says nothing. Empty when it cannot be read. Blocking.
#pragma once

#include <cstdio>
#include <string>

namespace dragstrip {

inline std::string proc_file(const std::string& path) {
  std::string text;
  std::FILE* const file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return text;
  char block[4096];
  while (const std::size_t n = std::fread(block, 1, sizeof block, file)) text.append(block, n);
  std::fclose(file);
  return text;
}

}  // namespace dragstrip
