#include "backends/select.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "bert_runtime/errors.h"
#include "python_repr.h"
#include "texts.h"

namespace bert_runtime {
namespace {

/// The targets that there is an engine for; `auto` takes those of the CPU, of equal precisions the fastest first.
const std::vector<std::string> kRunnable = {"cpu", "portable", "cuda", "tensorrt"};
constexpr std::ptrdiff_t kAutomatic = 2;

/// The fastest on a CPU first.
const std::vector<std::string> kFastestFirst = {"int8", "bf16", "fp32", "fp16"};

/// The target's artefact, of two the one for any mask, and the other one; nulls where there is none.
Choice find(const Manifest& manifest, const std::string& target) {
  Choice found = {nullptr};
  for (const Artefact& artefact : manifest.artefacts) {
    if (artefact.target != target) continue;
    const Artefact* other = std::exchange(found.artefact, &artefact);
    if (!other) continue;
    found.right_padded = other;
    if (artefact.mask == kRightPadded) std::swap(found.artefact, found.right_padded);
  }
  return found;
}

/// The best artefact for the CPU, or null.
const Artefact* best(const Manifest& manifest) {
  const auto place = [](const std::vector<std::string>& words, const std::string& word) {
    return std::ranges::find(words, word) - words.begin();
  };
  const auto rank = [&](const Artefact& artefact) {
    return std::pair(place(kFastestFirst, artefact.precision), place(kRunnable, artefact.target));
  };
  const Artefact* found = nullptr;
  for (std::ptrdiff_t i = 0; i < kAutomatic; ++i) {
    const Artefact* own = find(manifest, kRunnable[static_cast<std::size_t>(i)]).artefact;
    if (own && (!found || rank(*own) < rank(*found))) found = own;
  }
  return found;
}

}  // namespace

Choice select(const Manifest& manifest, const std::string& target,
              const std::function<void(const std::string&)>& warn) {
  std::vector<std::string> targets;
  for (const Artefact& artefact : manifest.artefacts) {
    if (std::ranges::find(targets, artefact.target) == targets.end()) targets.push_back(artefact.target);
  }
  const std::string held = joined(targets);
  if (target != "auto") {
    const Choice named = find(manifest, target);
    if (!named.artefact) {
      throw BackendError("target " + repr(target) + " was asked for, but the bundle holds " + held +
                         "; load one of these or export it again with --target " + target);
    }
    if (std::ranges::find(kRunnable, target) == kRunnable.end()) {
      throw BackendError("target " + repr(target) + ": this runtime runs " + joined(kRunnable) +
                         "; use one of these targets");
    }
    const bool is_gpu = std::ranges::find(kRunnable, target) - kRunnable.begin() >= kAutomatic;
    return is_gpu ? named : Choice{named.artefact};  // a CPU is no faster with lengths for masks
  }
  if (const Artefact* found = best(manifest)) return {found};
  const Artefact* artefact = find(manifest, targets.front()).artefact;
  if (warn) {
    warn("the bundle holds only " + held + "; its " + artefact->target +
         " file runs on ONNX Runtime's CPU provider here, slower than `bert-export --target cpu` would make it");
  }
  return {artefact};
}

}  // namespace bert_runtime
