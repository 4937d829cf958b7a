#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace dragstrip {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "dragstrip: assertion failed at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace dragstrip
