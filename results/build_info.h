// What this binary was built from. The values come from CMake (cmake/BuildInfo.cmake writes them at every
// build), so results say which source and flags made them. Never: reads git at run time.
#pragma once

namespace dragstrip {

struct BuildInfo {
  const char* version;
  const char* commit;    // 40 hex digits, or "unknown" outside a git checkout
  bool dirty;            // tracked files differed from the commit
  const char* compiler;  // "GNU 12.2.0"
  const char* flags;
  const char* build_type;  // "Release"
  const char* libraries;   // "nghttp2=1.52.0 openssl=3.0.17 ...": what it was built against
  const char* source_dir;  // where suites, stacks and plots are, unless DRAGSTRIP_HOME says otherwise
};

const BuildInfo& build_info() noexcept;

}  // namespace dragstrip
