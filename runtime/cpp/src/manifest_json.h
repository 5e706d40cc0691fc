// `manifest.json` as bytes: read with every type and value checked.
#pragma once

#include <cstddef>
#include <string_view>

#include "bert_runtime/manifest.h"

namespace bert_runtime {

inline constexpr const char* kManifestName = "manifest.json";
inline constexpr std::size_t kMaxManifestBytes = std::size_t{16} << 20;

/// The manifest that the bytes of a `manifest.json` hold.
///
/// Throws BundleError: rules 3 to 18 of BUNDLE.md; every problem of a manifest of our version at once.
[[nodiscard]] Manifest parse_manifest(std::string_view content);

}  // namespace bert_runtime
