#include "format_version.h"

#include <algorithm>
#include <string>
#include <vector>

#include "bert_runtime/limits.h"
#include "format_words.h"

namespace bert_runtime {
namespace {

/// Whether it leaves token types out, which only a graph with a cache did before.
bool leaves_types_out(const Artefact& artefact) {
  const auto is_cache = [](const TensorSpec& spec) { return spec.name.starts_with("past_key_values."); };
  return !has_types(artefact.inputs) && std::ranges::none_of(artefact.inputs, is_cache);
}

/// Where there is something that came with version 2.
std::vector<std::string> newer_parts(const Manifest& manifest) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < manifest.artefacts.size(); ++i) {
    const std::string where = "artefacts[" + std::to_string(i) + "]";
    if (leaves_types_out(manifest.artefacts[i])) found.push_back(where + ".inputs");
    if (has_own_width(manifest.artefacts[i].outputs)) found.push_back(where + ".outputs");
  }
  if (!manifest.tokenizer.special_tokens.empty()) found.emplace_back("tokenizer.special_tokens");
  const auto& pooling = manifest.settings.pooling;
  if (pooling && std::ranges::find(kFirstPoolings, *pooling) == kFirstPoolings.end()) {
    found.emplace_back("settings.pooling");
  }
  if (!manifest.settings.prompts.empty()) found.emplace_back("settings.prompts");
  return found;
}

}  // namespace

void version_problems(const Manifest& manifest, Problems& problems) {
  if (manifest.version >= kFormatVersion) return;
  const std::string newest = std::to_string(kFormatVersion);
  for (const std::string& where : newer_parts(manifest)) {
    problems.push_back({"wrong-version", where,
                        where + " is as in version " + newest + " of the format, expected version " + newest +
                            ": got " + std::to_string(manifest.version)});
  }
}

}  // namespace bert_runtime
