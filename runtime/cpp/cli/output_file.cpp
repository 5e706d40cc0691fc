#include "output_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "bert_runtime/errors.h"
#include "boundary.h"

namespace bert_runtime::cli {
namespace {

namespace fs = std::filesystem;

/// How many processes may write to one name at once.
constexpr int kWriters = 100;
/// Bytes of a name that a temporary one repeats: file systems take 255.
constexpr std::size_t kLongestName = 200;

/// The names of the file that is being written, for a handler, which may not allocate.
struct Unfinished {
  std::string temporary;
  std::string part;
  std::string note;
};
std::atomic<const Unfinished*> unfinished = nullptr;

/// Whether this process now owns the open file; nothing where another renamed it between opening and locking it.
std::optional<bool> is_locked(int descriptor, const fs::path& path) {
  struct stat found = {};
  if (fstat(descriptor, &found) == -1) fail(path.string(), errno);
  if (!S_ISREG(found.st_mode) || found.st_uid != geteuid()) return false;
  if (flock(descriptor, LOCK_EX | LOCK_NB) == -1) {
    if (errno == EWOULDBLOCK) return false;
    fail(path.string(), errno);
  }
  struct stat named = {};
  if (lstat(path.c_str(), &named) == -1) return std::nullopt;
  if (named.st_dev == found.st_dev && named.st_ino == found.st_ino) return true;
  return std::nullopt;
}

/// An empty file beside `target` that this process alone writes to.
std::pair<fs::path, int> exclusive(const fs::path& target) {
  const std::string name = target.filename().string().substr(0, kLongestName);
  for (int number = 1; number <= kWriters; ++number) {
    const fs::path path = target.parent_path() / ("." + name + "." + std::to_string(number) + ".part");
    while (true) {
      const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
      if (descriptor == -1) fail(target.string(), errno);
      const std::optional<bool> is_own = is_locked(descriptor, path);
      if (is_own && *is_own) {
        if (ftruncate(descriptor, 0) == -1) fail(target.string(), errno);
        return {path, descriptor};
      }
      close(descriptor);
      if (is_own) break;  // in use: the next number
    }
  }
  throw InputError("--output " + target.string() + " is in use by " + std::to_string(kWriters) +
                   " processes; wait for one, or name another output");
}

/// Renames the file to its part; removes it, and is false, where it is empty.
bool is_kept(const Unfinished& names) {
  struct stat found = {};
  if (stat(names.temporary.c_str(), &found) == -1) return false;
  if (found.st_size > 0) return rename(names.temporary.c_str(), names.part.c_str()) == 0;
  (void)unlink(names.temporary.c_str());
  return false;
}

}  // namespace

OutputFile::OutputFile(const std::string& path, std::ostream& standard) : standard_(standard) {
  if (is_standard_output(path)) return;
  std::error_code none;
  target_ = fs::weakly_canonical(fs::absolute(path), none);
  if (fs::exists(target_, none) && !fs::is_regular_file(target_, none)) {  // a pipe or a device cannot be renamed
    const int descriptor = open(target_.c_str(), O_WRONLY | O_CLOEXEC | O_TRUNC);
    if (descriptor == -1) fail(target_.string(), errno);
    file_ = std::make_unique<DescriptorStream>(descriptor, target_.string());
    return;
  }
  const auto [temporary, descriptor] = exclusive(target_);
  file_ = std::make_unique<DescriptorStream>(descriptor, target_.string());
  temporary_ = temporary;
  const std::string part = part_of(target_).string();
  unfinished = new Unfinished{temporary_.string(), part, "bert-run: what was answered before is in " + part + "\n"};
}

OutputFile::~OutputFile() {
  const std::unique_ptr<const Unfinished> names(unfinished.exchange(nullptr));
  if (!names) return;
  try {
    file_->flush();
  } catch (const std::exception&) {
    // The error that brought us here came first.
  }
  if (is_kept(*names)) add_note("what was answered before is in " + names->part);
}

void OutputFile::finish() {
  stream().flush();
  if (temporary_.empty()) return;
  if (std::rename(temporary_.c_str(), target_.c_str()) == -1) fail(target_.string(), errno);
  temporary_.clear();
  delete unfinished.exchange(nullptr);
  (void)unlink(part_of(target_).c_str());  // of an earlier failure
}

fs::path part_of(const fs::path& target) { return target.string() + ".part"; }

bool is_standard_output(const std::string& path) {
  return path == "-" || path == "/dev/stdout" || path == "/dev/fd/1" || path == "/proc/self/fd/1";
}

void keep_unfinished_output() {
  const Unfinished* names = unfinished.exchange(nullptr);  // never freed: memory is not a handler's to free
  if (names != nullptr && is_kept(*names)) (void)!write(STDERR_FILENO, names->note.data(), names->note.size());
}

}  // namespace bert_runtime::cli
