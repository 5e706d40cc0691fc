// From a bundle directory to a session: check it, choose the artefact, start its engine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>

#include "bert_runtime/bundle.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/schedule.h"
#include "bert_runtime/session.h"

namespace bert_runtime {

/// How a bundle is loaded.
struct Options {
  /// auto, or the artefact to run (cpu, portable, cuda, tensorrt): a named one never falls back to another, nor to the
  /// CPU.
  std::string target = "auto";
  /// The CPUs to use; nothing takes those that affinity and cgroup leave this process.
  std::optional<std::int64_t> threads = std::nullopt;
  /// The size of the batches that `predict` makes.
  BatchLimits batch_limits = {};
  /// A directory where an engine that is built for a GPU is kept; nothing takes `bert-export/engines` of the user's own
  /// cache ($XDG_CACHE_HOME, else ~/.cache). Its files are loaded without a check: let no other user write to it.
  std::optional<std::filesystem::path> cache = std::nullopt;
  /// For a decoder that reads an encoder: a bundle of feature extraction that reads its sources; it runs as `auto`
  /// does. Without it, requests bring EncoderStates.
  std::optional<std::filesystem::path> encoder = std::nullopt;
  /// The path of ONNX Runtime's library; nothing takes that of the environment variable BERT_RUNTIME_ONNXRUNTIME, or
  /// else libonnxruntime.so.1.
  std::optional<std::string> onnxruntime = std::nullopt;
  /// Told what the user should know, during the load; nothing tells the standard error stream.
  std::function<void(const std::string&)> warn = {};

  /// latency: one run at a time takes all threads, so that each answer is soon there; throughput: `predict` runs as many
  /// batches at once as there are threads, so that the whole is soon done; auto is latency.
  std::string mode = "auto";

  /// What is wrong with the values.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// The parts of a session for a bundle that has been read already. Throws as `load` does.
[[nodiscard]] BERT_RUNTIME_API SessionParts start(const Bundle& bundle, const Options& options = {});

/// The parts of a session for the bundle at `path`, which must be of `task`; ONNX Runtime's library is opened while the
/// bundle is read. Throws as `load` does.
[[nodiscard]] BERT_RUNTIME_API SessionParts start(const std::filesystem::path& path, const Task& task,
                                                  const Options& options = {});

/// Checks a bundle and makes it ready to answer: `load<QuestionAnswering>(path)`. Safe in threads.
///
/// The first load sets ORT_DISABLE_TELEMETRY in the environment, unless it is set: ONNX Runtime would report its use. Where
/// other threads read the environment at that time, set it yourself before.
///
/// Gives a Session<T>, and for TextGeneration a GenerationSession. Throws BundleError: the directory breaks the format,
/// or is of another task; BackendError: no engine here runs it, or not the target that was named; InputError: options
/// out of range, or an encoder for a bundle that reads none.
template <HeadTask T>
[[nodiscard]] auto load(const std::filesystem::path& path, const Options& options = {}) {
  using Loaded = std::conditional_t<std::is_same_v<T, TextGeneration>, GenerationSession, Session<T>>;
  return Loaded(start(path, T::task(), options));
}

}  // namespace bert_runtime
