#include "backends/library.h"

#include <dlfcn.h>

#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>

#include "backends/status.h"
#include "bert_runtime/errors.h"
#include "in_json.h"

namespace bert_runtime {
namespace {

/// The oldest ONNX Runtime that has everything that is called here: its version is 1.N, its API's version N. Functions
/// stand at fixed places of the API, so that one binary runs on this version and on every later one.
constexpr std::uint32_t kOldestApi = 17;
/// The first that refuses memory addresses as the place of weights, and negative indices; see machine/targets.py.
constexpr std::uint32_t kSafe = 28;
constexpr const char* kVariable = "BERT_RUNTIME_ONNXRUNTIME";
/// ONNX Runtime's packages (seen in 1.31) report their use to their makers, unless this is set before they start.
constexpr const char* kTelemetry = "ORT_DISABLE_TELEMETRY";
constexpr const char* kSystemName = "libonnxruntime.so.1";

using GetApiBase = const OrtApiBase*(ORT_API_CALL*)();

std::string expected() { return "expected 1." + std::to_string(kOldestApi) + " or later"; }

/// 31 of 1.31.1, or nothing.
std::optional<std::uint32_t> minor(const std::string& version) {
  std::uint32_t value = 0;
  const auto point = version.find('.');
  if (!version.starts_with("1.")) return std::nullopt;
  const auto read = std::from_chars(version.data() + point + 1, version.data() + version.size(), value);
  return read.ec == std::errc{} ? std::optional(value) : std::nullopt;
}

std::unique_ptr<Library> started(GetApiBase get_base, const std::string& place) {
  auto library = std::make_unique<Library>();
  const OrtApiBase* base = get_base();
  library->place = place;
  library->version = base ? base->GetVersionString() : "of no version";
  const auto found = minor(library->version);
  // Asked for a version that it has not, ONNX Runtime writes to the standard error: look before.
  if (found && *found >= kOldestApi) library->api = base->GetApi(kOldestApi);
  if (!library->api) {
    throw BackendError("ONNX Runtime " + library->version + " at " + place + " is not supported, " + expected() +
                       "; install a newer one, or name another library with the option onnxruntime or the "
                       "environment variable " +
                       kVariable);
  }
  // Errors come back as exceptions; twice would be noise.
  check(*library->api, library->api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "bert_runtime", &library->environment),
        "onnxruntime " + library->version + " does not start: ");
  return library;
}

#ifdef BERT_RUNTIME_LINK_ONNXRUNTIME

std::unique_ptr<Library> opened(const std::string&) {
  return started(OrtGetApiBase, "the library linked with this one");
}

#else

std::unique_ptr<Library> opened(const std::string& name) {
  void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    throw BackendError("ONNX Runtime cannot be opened (" + std::string(::dlerror()) + "), " + expected() +
                       "; install it, or name its library (libonnxruntime.so.1.N.N, also in the folder capi of "
                       "Python's onnxruntime) with the option onnxruntime or the environment variable " +
                       kVariable);
  }
  const auto get_base = reinterpret_cast<GetApiBase>(::dlsym(handle, "OrtGetApiBase"));
  if (!get_base) throw BackendError(name + " is no ONNX Runtime: it has no OrtGetApiBase, " + expected());
  return started(get_base, name);
}

#endif

std::string place(const std::optional<std::string>& path) {
#ifdef BERT_RUNTIME_LINK_ONNXRUNTIME
  if (path) {
    throw BackendError("this build is linked with ONNX Runtime and opens no other, got the option onnxruntime " +
                       in_json(*path) + "; leave it out, or build without BERT_RUNTIME_LINK_ONNXRUNTIME");
  }
  return "";
#else
  if (path) return *path;
  const char* named = std::getenv(kVariable);
  return named && *named ? named : kSystemName;
#endif
}

}  // namespace

void prepare_environment() { ::setenv(kTelemetry, "1", 0); }

std::string known_faults(const std::string& version) {
  const auto found = minor(version);
  if (!found || *found >= kSafe) return "";
  const std::string safe = "1." + std::to_string(kSafe);
  return "onnxruntime " + version + " has known faults in loading a graph from a stranger, expected " + safe +
         " or later; install a newer one, or load only bundles that you trust";
}

const Library& open_onnxruntime(const std::optional<std::string>& path) {
  static std::mutex mutex;
  // Kept until the process ends, and beyond the destructors of static sessions.
  static auto& libraries = *new std::map<std::string, std::unique_ptr<Library>>;
  const std::string name = place(path);
  const std::lock_guard lock(mutex);
  auto& library = libraries[name];
  if (!library) {
    prepare_environment();
    library = opened(name);
  }
  return *library;
}

}  // namespace bert_runtime
