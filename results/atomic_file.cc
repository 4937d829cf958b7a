// All-or-nothing files: see write_file_atomically in results_file.h.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/base/error.h"
#include "core/base/text.h"
#include "results/results_file.h"

namespace dragstrip {

namespace {

[[noreturn]] void not_written(const std::string& path, int error) {
  throw UserError(ExitCode::not_written, "cannot write " + path + ": " + std::strerror(error));
}

int write_all(int fd, const std::string& content) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    done += static_cast<std::size_t>(n);
  }
  return 0;
}

// A name is durable only once its directory is on disk (fsync(2)).
int sync_directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ::fsync(fd) == 0 || errno == EINVAL ? 0 : errno;  // EINVAL: a file system without it
  ::close(fd);
  return error;
}

// Devices and pipes (/dev/stdout, /dev/full) are written in place: renaming over them would replace them.
bool is_special(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

void write_in_place(const std::string& path, const std::string& content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) not_written(path, errno);
  const int error = write_all(fd, content);
  const int close_error = ::close(fd) == 0 ? 0 : errno;
  if (error != 0 || close_error != 0) not_written(path, error != 0 ? error : close_error);
}

// Gives the file behind `fd` its first name.
int give_name(int fd, const std::string& name) {
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  (void)::unlink(name.c_str());  // ours, from before: one process writes one file at a time
  return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

// Writes `temporary` whole and renames it to `path`. Returns an errno; then there is no temporary file. A
// file that is `nameless` while it is written is gone when we are killed; not every file system has such.
int put(const std::string& path, const std::string& temporary, const std::string& directory,
        const std::string& content, bool nameless) {
  const int fd = nameless ? ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666)
                          : ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return errno;
  int error = write_all(fd, content);
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (error == 0 && nameless) error = give_name(fd, temporary);
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) (void)::unlink(temporary.c_str());
  return error;
}

// What writers of the same file that were killed have left: NAME.tmp.PID of processes that are gone.
void remove_leftovers(const std::string& directory, const std::string& prefix) {
  DIR* const listing = ::opendir(directory.c_str());
  if (listing == nullptr) return;
  while (const dirent* const entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (name.substr(0, prefix.size()) != prefix) continue;
    const auto pid = parse_u64(name.substr(prefix.size()));
    if (!pid || *pid == 0 || *pid > 1u << 30) continue;
    if (::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH) {
      (void)::unlink((directory + std::string(name)).c_str());
    }
  }
  ::closedir(listing);
}

}  // namespace

void write_file_atomically(const std::string& path, const std::string& content) {
  if (is_special(path)) return write_in_place(path, content);
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "./" : path.substr(0, slash + 1);
  const std::string prefix = path.substr(slash == std::string::npos ? 0 : slash + 1) + ".tmp.";
  const std::string temporary = directory + prefix + std::to_string(::getpid());
  remove_leftovers(directory, prefix);
  int error = put(path, temporary, directory, content, true);
  if (error != 0) error = put(path, temporary, directory, content, false);
  if (error != 0) not_written(path, error);
  if (const int sync_error = sync_directory_of(path)) not_written(path, sync_error);
}

}  // namespace dragstrip
