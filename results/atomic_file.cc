// All-or-nothing files: see write_file_atomically in results_file.h.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"
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

}  // namespace

void write_file_atomically(const std::string& path, const std::string& content) {
  if (is_special(path)) return write_in_place(path, content);
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) not_written(path, errno);
  int error = write_all(fd, content);
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    not_written(path, error);
  }
  if (const int sync_error = sync_directory_of(path)) not_written(path, sync_error);
}

}  // namespace dragstrip
