#include "backends/select.h"

#include <algorithm>
#include <vector>

#include "bert_runtime/errors.h"
#include "python_repr.h"
#include "texts.h"

namespace bert_runtime {
namespace {

/// What `auto` takes, best first.
const std::vector<std::string> kAutomatic = {"cpu", "portable"};
const std::vector<std::string> kRunnable = {"cpu", "portable", "cuda", "tensorrt"};

const Artefact* find(const Manifest& manifest, const std::string& target) {
  const auto found = std::ranges::find(manifest.artefacts, target, &Artefact::target);
  return found == manifest.artefacts.end() ? nullptr : &*found;
}

}  // namespace

const Artefact& select(const Manifest& manifest, const std::string& target,
                       const std::function<void(const std::string&)>& warn) {
  std::vector<std::string> targets;
  for (const Artefact& artefact : manifest.artefacts) targets.push_back(artefact.target);
  const std::string held = joined(targets);
  if (target != "auto") {
    const Artefact* named = find(manifest, target);
    if (!named) {
      throw BackendError("target " + repr(target) + " was asked for, but the bundle holds " + held +
                         "; load one of these or export it again with --target " + target);
    }
    if (std::ranges::find(kRunnable, target) == kRunnable.end()) {
      throw BackendError("target " + repr(target) + ": this runtime runs " + joined(kRunnable) +
                         "; use one of these targets");
    }
    return *named;
  }
  for (const std::string& candidate : kAutomatic) {
    if (const Artefact* best = find(manifest, candidate)) return *best;
  }
  const Artefact& artefact = manifest.artefacts.front();
  if (warn) {
    warn("the bundle holds only " + held + "; its " + artefact.target +
         " file runs on the CPU here, slower than `bert-export --target cpu` would make it");
  }
  return artefact;
}

}  // namespace bert_runtime
