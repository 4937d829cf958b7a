// Files are whole at every instant: the write path is killed, and failed, at each of its system calls.
//
// The calls that the writer makes are defined here, which puts them in front of libc's: they count, and at
// the n-th they do what the test wants. A write that is killed by SIGKILL is a child process.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "results/results_file.h"

namespace {

enum class Plant { nothing, kill_before, kill_after, fail, shorten };
Plant planted = Plant::nothing;
int countdown = 0;  // 1: the next call
int planted_errno = 0;
bool no_nameless = false;  // a file system without O_TMPFILE
int calls = 0;

// True: the call fails with planted_errno.
bool before_call() {
  if (planted == Plant::nothing) return false;
  ++calls;
  if (--countdown != 0) return false;
  if (planted == Plant::kill_before) ::raise(SIGKILL);
  if (planted != Plant::fail) return false;
  errno = planted_errno;
  return true;
}
long after_call(long result) {
  if (planted == Plant::kill_after && countdown == 0) ::raise(SIGKILL);
  return result < 0 ? -1 : result;
}

}  // namespace

extern "C" {
int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = static_cast<mode_t>(va_arg(arguments, unsigned));
  va_end(arguments);
  if (before_call()) return -1;
  if (no_nameless && (flags & O_TMPFILE) == O_TMPFILE) {
    errno = EOPNOTSUPP;
    return static_cast<int>(after_call(-1));
  }
  return static_cast<int>(after_call(::syscall(SYS_openat, AT_FDCWD, path, flags, mode)));
}
ssize_t write(int fd, const void* bytes, size_t size) {
  if (before_call()) return -1;
  if (planted == Plant::shorten && size > 1) size = size / 2 + 1;
  return after_call(::syscall(SYS_write, fd, bytes, size));
}
int fsync(int fd) {
  return before_call() ? -1 : static_cast<int>(after_call(::syscall(SYS_fsync, fd)));
}
int close(int fd) {
  if (before_call()) {  // a close that fails has closed all the same
    const int error = errno;
    ::syscall(SYS_close, fd);
    errno = error;
    return -1;
  }
  return static_cast<int>(after_call(::syscall(SYS_close, fd)));
}
int rename(const char* from, const char* to) noexcept {
  return before_call()
             ? -1
             : static_cast<int>(after_call(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)));
}
int linkat(int from_fd, const char* from, int to_fd, const char* to, int flags) noexcept {
  return before_call() ? -1
                       : static_cast<int>(after_call(::syscall(SYS_linkat, from_fd, from, to_fd, to, flags)));
}
int unlink(const char* path) noexcept {
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));  // cleaning up is not counted
}
}

namespace dragstrip {
namespace {

class AtomicFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/dragstrip-atomic-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/results.json";
  }
  void TearDown() override {
    planted = Plant::nothing;
    no_nameless = false;
    for (const std::string& name : names()) (void)::unlink((directory_ + "/" + name).c_str());
    ::rmdir(directory_.c_str());
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    DIR* const listing = ::opendir(directory_.c_str());
    while (const dirent* const entry = ::readdir(listing)) {
      if (entry->d_name[0] != '.') all.emplace_back(entry->d_name);
    }
    ::closedir(listing);
    return all;
  }
  [[nodiscard]] std::string content() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // A child writes "new" and dies at call n. False: it got through.
  bool killed_at(Plant how, int n) {
    const pid_t child = ::fork();
    if (child == 0) {
      planted = how;
      countdown = n;
      write_file_atomically(path_, new_);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
  }

  void kill_at_every_call() {
    for (const Plant how : {Plant::kill_before, Plant::kill_after}) {
      int n = 1;
      int old_seen = 0;
      while (true) {
        SCOPED_TRACE("call " + std::to_string(n));
        write_file_atomically(path_, old_);
        if (!killed_at(how, n)) break;
        const std::string now = content();
        EXPECT_TRUE(now == old_ || now == new_) << now.size() << " bytes";
        if (now == old_) ++old_seen;
        ASSERT_LT(++n, 50);
      }
      EXPECT_EQ(content(), new_);
      EXPECT_GE(n, 7);  // open, write, fsync, close, rename, open, fsync, close
      EXPECT_GE(old_seen, 4);
      // Whatever the dead left is gone after the next write.
      EXPECT_EQ(names(), std::vector<std::string>{"results.json"});
    }
  }

  std::string directory_, path_;
  const std::string old_ = std::string(5000, 'o');
  const std::string new_ = std::string(70000, 'n');
};

TEST_F(AtomicFile, KilledAtEveryCallItIsOldOrNew) {
  kill_at_every_call();
}

TEST_F(AtomicFile, AndWhereFilesNeedANameFromTheStart) {
  no_nameless = true;
  kill_at_every_call();
}

TEST_F(AtomicFile, ADeadWriterOfANamelessFileLeavesNothing) {
  write_file_atomically(path_, old_);
  // open, write, fsync: dead behind each of them.
  for (const int n : {1, 2, 3}) {
    ASSERT_TRUE(killed_at(Plant::kill_after, n));
    EXPECT_EQ(names(), std::vector<std::string>{"results.json"}) << n;
  }
}

TEST_F(AtomicFile, FailedAtEveryCallItIsNotWrittenAndTheOldOneStays) {
  for (const bool nameless : {true, false}) {
    no_nameless = !nameless;
    for (const int error : {ENOSPC, EIO, EDQUOT}) {
      int refused = 0;
      for (int n = 1; n < 20; ++n) {
        write_file_atomically(path_, old_);
        planted = Plant::fail;
        planted_errno = error;
        countdown = n;
        calls = 0;
        bool threw = false;
        try {
          write_file_atomically(path_, new_);
        } catch (const UserError& failure) {
          threw = true;
          EXPECT_EQ(failure.code(), ExitCode::not_written);
          EXPECT_NE(std::string(failure.what()).find(path_), std::string::npos) << failure.what();
        }
        planted = Plant::nothing;
        EXPECT_EQ(names(), std::vector<std::string>{"results.json"}) << "call " << n;
        const std::string now = content();
        // A rename that is not synced may still be undone: that is "not written" too.
        EXPECT_TRUE(now == new_ || (threw && now == old_)) << "call " << n;
        if (threw) ++refused;
        if (calls < n) break;
      }
      // With a second way to write it, one failure of the first is no failure.
      EXPECT_GE(refused, nameless ? 1 : 5);
    }
  }
}

TEST_F(AtomicFile, ShortWritesAreWrittenToTheEnd) {
  planted = Plant::shorten;
  write_file_atomically(path_, new_);
  planted = Plant::nothing;
  EXPECT_EQ(content(), new_);
}

// A file size limit stands in for the full disk that needs no privilege: the first bytes go through.
TEST_F(AtomicFile, AFullDiskLeavesTheOldFileAlone) {
  write_file_atomically(path_, old_);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{20'000, 20'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_atomically(path_, new_);
    } catch (const UserError& error) {
      ::_exit(static_cast<int>(error.code()));
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 5);
  EXPECT_EQ(content(), old_);
  EXPECT_EQ(names(), std::vector<std::string>{"results.json"});
}

}  // namespace
}  // namespace dragstrip
