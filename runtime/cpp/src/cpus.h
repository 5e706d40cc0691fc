// How many CPUs this process may use: its affinity and its cgroup's quota, not the host's core count.
#pragma once

#include <cstdint>
#include <filesystem>

namespace bert_runtime {

/// At least 1: the CPUs of the affinity mask, or fewer where a cgroup limits CPU time (rounded up).
///
/// `cgroup` and `membership` are the kernel's files; tests give others.
[[nodiscard]] std::int64_t available_cpus(const std::filesystem::path& cgroup = "/sys/fs/cgroup",
                                          const std::filesystem::path& membership = "/proc/self/cgroup");

}  // namespace bert_runtime
