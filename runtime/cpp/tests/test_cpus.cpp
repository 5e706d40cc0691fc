#include <doctest/doctest.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "cpus.h"

using bert_runtime::available_cpus;

namespace {

namespace fs = std::filesystem;

/// The kernel's files, as a test would have them.
class Kernel {
 public:
  Kernel() : root_(fs::temp_directory_path() / ("bert_runtime_cpus." + std::to_string(::getpid()))) {
    fs::create_directories(root_ / "cgroup");
  }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() { fs::remove_all(root_); }

  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }

  [[nodiscard]] std::int64_t cpus() const { return available_cpus(root_ / "cgroup", root_ / "membership"); }

 private:
  fs::path root_;
};

std::int64_t affinity() {
  cpu_set_t mask;
  REQUIRE(::sched_getaffinity(0, sizeof mask, &mask) == 0);
  return CPU_COUNT(&mask);
}

}  // namespace

TEST_CASE("without a limit every CPU of the affinity mask counts") {
  const Kernel kernel;
  CHECK(kernel.cpus() == affinity());
  kernel.write("membership", "0::/service\n");
  kernel.write("cgroup/service/cpu.max", "max 100000\n");
  CHECK(kernel.cpus() == affinity());
}

TEST_CASE("the least limit of a cgroup and of those above it counts, rounded up") {
  const Kernel kernel;
  kernel.write("membership", "0::/pod/service\n");
  kernel.write("cgroup/pod/service/cpu.max", "900000 100000\n");
  kernel.write("cgroup/pod/cpu.max", "50000 100000\n");
  CHECK(kernel.cpus() == 1);
}

TEST_CASE("in a container the mounted root counts") {
  const Kernel kernel;
  kernel.write("membership", "0::/of/the/host\n");
  kernel.write("cgroup/cpu.max", "10000 100000\n");
  CHECK(kernel.cpus() == 1);
}

TEST_CASE("version 1 of cgroups is read too, and no other controller's limit") {
  const Kernel kernel;
  kernel.write("membership", "3:memory:/x\n2:cpu,cpuacct:/x\n");
  kernel.write("cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "100000\n");
  kernel.write("cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  CHECK(kernel.cpus() == 1);
  kernel.write("cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
  CHECK(kernel.cpus() == affinity());
}
