// Assertions. DRAGSTRIP_CHECK stays on in every build: a benchmark that goes on after its own state is
// wrong prints wrong numbers. DRAGSTRIP_DEBUG_CHECK is for loops over bytes and is off in release.
// Only *our* mistakes are checked here; what a peer does wrong is an Outcome, never an assertion.
#pragma once

namespace dragstrip {
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;
}  // namespace dragstrip

#define DRAGSTRIP_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::dragstrip::check_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define DRAGSTRIP_DEBUG_CHECK(condition) static_cast<void>(0)
#else
#define DRAGSTRIP_DEBUG_CHECK(condition) DRAGSTRIP_CHECK(condition)
#endif
