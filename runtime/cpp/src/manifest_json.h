// `manifest.json` as bytes: read with every type and value checked.
#pragma once

#include <string_view>

#include "bert_runtime/manifest.h"
#include "format_limits.h"

namespace bert_runtime {

inline constexpr const char* kManifestName = "manifest.json";

/// The manifest that the bytes of a `manifest.json` hold.
///
/// Throws BundleError: rules 3 to 18 of BUNDLE.md; every problem of a manifest of our version at once.
[[nodiscard]] Manifest parse_manifest(std::string_view content);

}  // namespace bert_runtime
