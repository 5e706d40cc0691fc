#include "backends/select.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "bert_runtime/errors.h"
#include "in_json.h"
#include "target.h"
#include "texts.h"

namespace bert_runtime {
namespace {

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
  const auto rank = [](const Artefact& artefact) {
    return std::pair(std::ranges::find(kFastestFirst, artefact.precision) - kFastestFirst.begin(),
                     find_target(artefact.target)->auto_rank);
  };
  const Artefact* found = nullptr;
  for (const Target& target : targets()) {
    if (!target.is_runnable() || target.is_on_gpu) continue;
    const Artefact* own = find(manifest, target.name).artefact;
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
      throw BackendError("target " + in_json(target) + " was asked for, but the bundle holds " + held +
                         "; load one of these or export it again with --target " + target);
    }
    const Target& wanted = *find_target(target);  // the manifest holds no unknown one
    if (!wanted.is_runnable()) {
      throw BackendError("target " + in_json(target) + ": this runtime runs " + joined(target_names(true)) +
                         "; use one of these targets");
    }
    return wanted.is_on_gpu ? named : Choice{named.artefact};  // a CPU is no faster with lengths for masks
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
