// ONNX Runtime's library: opened when it is first needed, or linked.
#pragma once

#include <onnxruntime_c_api.h>

#include <optional>
#include <string>

namespace bert_runtime {

/// An ONNX Runtime in this process. It is never unloaded: its threads may outlive whoever opened it.
struct Library {
  const OrtApi* api = nullptr;
  std::string version;  ///< 1.31.1
  std::string place;    ///< Where it was found, for people.
  OrtEnv* environment = nullptr;
};

/// What has to stand in the environment before the library is opened: ORT_DISABLE_TELEMETRY is set to 1 unless it is set.
void prepare_environment();

/// The library at `path`; else the one that the environment variable BERT_RUNTIME_ONNXRUNTIME names; else
/// libonnxruntime.so.1 where the system finds it. The same one each time. Safe in threads, but for one that reads the
/// environment meanwhile: the first call prepares it.
///
/// Throws BackendError: there is none, it is no ONNX Runtime, or it is too old; the message names the versions.
[[nodiscard]] const Library& open_onnxruntime(const std::optional<std::string>& path);

/// What to say of an ONNX Runtime with known faults in loading a graph from a stranger; empty of a later one.
[[nodiscard]] std::string known_faults(const std::string& version);

}  // namespace bert_runtime
