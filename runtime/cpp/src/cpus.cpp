#include "cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include "files.h"
#include "json_number.h"

namespace bert_runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = std::size_t{1} << 16;
constexpr std::string_view kBlank = " \t\r\n";

/// What a file of the kernel says, without blanks around it.
std::optional<std::string> read(const fs::path& path) {
  try {
    const std::string text = read_file(path, kMostBytes);
    const auto first = text.find_first_not_of(kBlank);
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
  } catch (const FileError&) {
    return std::nullopt;
  }
}

std::optional<double> number(const std::optional<std::string>& text) {
  const bool is_plain = text && !text->empty() && text->find_first_not_of("0123456789.") == std::string::npos;
  return is_plain ? read_double(*text) : std::nullopt;
}

/// The CPU limit of one cgroup, in CPUs; nothing where it has none ("max", or no such file).
std::optional<double> quota(const fs::path& folder) {
  std::optional<std::string> limit = read(folder / "cpu.max");
  std::optional<std::string> period;
  if (limit) {
    const auto blank = limit->find(' ');
    if (blank != std::string::npos) period = limit->substr(blank + 1);
    limit = limit->substr(0, blank);
  } else {
    limit = read(folder / "cpu.cfs_quota_us");
    period = read(folder / "cpu.cfs_period_us");
  }
  const auto most = number(limit);
  const auto each = number(period);
  if (!most || !each || *most <= 0 || *each <= 0) return std::nullopt;
  return *most / *each;
}

/// The least limit of a cgroup and of every one above it, up to `root`.
void tighten(double& cpus, const fs::path& root, const std::string& path) {
  const auto first = path.find_first_not_of('/');
  fs::path folder = first == std::string::npos ? root : root / path.substr(first);
  // In a container the path is the host's and may not exist below the mounted root: the root itself counts then.
  while (true) {
    if (const auto found = quota(folder)) cpus = std::min(cpus, std::ceil(*found));
    if (folder == root || !folder.has_relative_path() || folder.parent_path() == folder) return;
    folder = folder.parent_path();
  }
}

bool controls_cpu(const std::string& controllers) {
  return controllers.empty() || ("," + controllers + ",").find(",cpu,") != std::string::npos;
}

std::int64_t affinity() {
  cpu_set_t mask;
  if (::sched_getaffinity(0, sizeof mask, &mask) == 0) return CPU_COUNT(&mask);
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

std::int64_t available_cpus(const fs::path& cgroup, const fs::path& membership) {
  auto cpus = static_cast<double>(affinity());
  std::istringstream lines(read(membership).value_or(""));
  for (std::string line; std::getline(lines, line);) {  // number:controllers:path
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controls_cpu(controllers)) continue;
    tighten(cpus, controllers.empty() ? cgroup : cgroup / controllers, line.substr(second + 1));
  }
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(cpus));
}

}  // namespace bert_runtime
