// A bundle directory: every rule of BUNDLE.md is checked before a byte of it reaches a tokenizer or an engine.
#pragma once

#include <filesystem>

#include "bert_runtime/export.h"
#include "bert_runtime/manifest.h"

namespace bert_runtime {

/// A checked bundle: its directory, without links, and its manifest. A value.
struct Bundle {
  std::filesystem::path directory;
  Manifest manifest;
};

/// Checks the bundle at `path` and returns it. Digests are always checked. Safe in threads.
///
/// Throws BundleError: what breaks BUNDLE.md; all problems of the first of these that has any: the manifest alone, the
/// manifest against its task and the files' sizes, the digests, the graphs.
[[nodiscard]] BERT_RUNTIME_API Bundle read_bundle(const std::filesystem::path& path);

}  // namespace bert_runtime
