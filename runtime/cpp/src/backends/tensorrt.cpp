#include "backends/tensorrt.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <system_error>
#include <vector>

#include "bert_runtime/errors.h"
#include "files.h"
#include "strict_json.h"
#include "texts.h"

namespace bert_runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProfile = "profile.tensorrt.json";
constexpr std::size_t kMaxProfileBytes = std::size_t{1} << 20;
constexpr std::array kPoints = {"trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes"};
/// The most choices of a question that an engine is built for where no profile is given.
constexpr std::int64_t kChoices = 16;

ProviderOptions stated(const Bundle& bundle, const Artefact& artefact) {
  const nlohmann::json record = strict_loads(read_file(bundle.directory / kProfile, kMaxProfileBytes), kProfile);
  try {
    for (const nlohmann::json& graph : record.at("graphs")) {
      if (graph.at("file").get<std::string>() != artefact.file) continue;
      ProviderOptions found;
      for (const char* point : kPoints) found[point] = graph.at("onnxruntime").at(point).get<std::string>();
      return found;
    }
  } catch (const nlohmann::json::exception&) {
    // told below
  }
  throw BundleError(std::string(kProfile) + ": expected graphs with " + artefact.file +
                    " and its options of onnxruntime; export the bundle again");
}

/// Most likely is a small batch of a text's usual length.
ProviderOptions usual(const Bundle& bundle, const Artefact& artefact, const BatchLimits& limits) {
  const std::int64_t rows = limits.max_batch_size;
  const std::int64_t length = bundle.manifest.tokenizer.max_length;
  const std::map<std::string, std::array<std::int64_t, 3>> axes = {
      {"batch", {1, std::min<std::int64_t>(8, rows), rows}},
      {"choices", {1, 4, kChoices}},
      {"sequence", {1, std::min<std::int64_t>(128, length), length}},
      {"masks", {1, std::min<std::int64_t>(8, length), length}}};
  ProviderOptions found;
  for (std::size_t i = 0; i < kPoints.size(); ++i) {
    std::vector<std::string> inputs;
    for (const TensorSpec& spec : artefact.inputs) {
      std::vector<std::string> sizes;
      for (const std::string& axis : spec.axes) {
        const auto own = axes.find(axis);
        if (own == axes.end()) {
          throw BackendError("the profile has no sizes for " + axis +
                             ", expected all axes of the graph's inputs; export the bundle again, with --profile");
        }
        sizes.push_back(std::to_string(own->second[i]));
      }
      inputs.push_back(spec.name + ":" + joined(sizes, "x"));
    }
    found[kPoints[i]] = joined(inputs, ",");
  }
  return found;
}

/// The number that libnvinfer gives, such as 101303 for 10.13.3; nothing where it is not found: the provider says so.
std::string tensorrt_version() {
  void* handle = ::dlopen("libnvinfer.so.10", RTLD_NOW | RTLD_GLOBAL);
  const auto version = handle ? reinterpret_cast<int (*)()>(::dlsym(handle, "getInferLibVersion")) : nullptr;
  return version ? std::to_string(version()) : "";
}

void make(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) {
    throw BackendError("cache: " + folder.string() + " cannot be made (" + failed.message() +
                       "); name a directory that can be written to");
  }
}

}  // namespace

fs::path user_cache() {
  const char* named = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const bool is_named = named && fs::path(named).is_absolute();
  const fs::path folder =
      (is_named ? fs::path(named) : fs::path(home ? home : "/") / ".cache") / "bert-export" / "engines";
  const bool is_new = !fs::exists(folder);
  make(folder);
  if (is_new) ::chmod(folder.c_str(), S_IRWXU);
  struct stat found = {};
  if (::stat(folder.c_str(), &found) != 0 || found.st_uid != ::geteuid() || (found.st_mode & (S_IWGRP | S_IWOTH))) {
    throw BackendError(
        "cache: " + folder.string() +
        " belongs to another user, or others may write to it, expected this user alone: engines are "
        "loaded from it without a check; mend its owner and mode, or name another directory as the cache");
  }
  return folder;
}

ProviderOptions tensorrt_options(const Bundle& bundle, const Artefact& artefact, const BatchLimits& limits,
                                 const std::optional<fs::path>& cache, const Library& library) {
  ProviderOptions options =
      bundle.manifest.files.contains(kProfile) ? stated(bundle, artefact) : usual(bundle, artefact, limits);
  std::vector<std::string> key = {tensorrt_version(), library.version};
  for (const auto& [name, value] : options) key.push_back(value);
  key.push_back(bundle.manifest.files.at(artefact.file).sha256);
  for (const std::string& file : artefact.data) key.push_back(bundle.manifest.files.at(file).sha256);
  const fs::path folder = (cache ? *cache : user_cache()) / sha256_of(joined(key, "\n"));
  make(folder);
  options.insert({{"trt_engine_cache_enable", "1"},
                  {"trt_engine_cache_path", folder.string()},
                  {"trt_timing_cache_enable", "1"},
                  {"trt_timing_cache_path", folder.string()}});
  return options;
}

}  // namespace bert_runtime
