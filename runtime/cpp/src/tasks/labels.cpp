#include "tasks/labels.h"

#include <algorithm>
#include <cmath>

#include "bert_runtime/errors.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {

void require_labels(std::string_view task, const HeadSettings& settings) {
  std::string blank;
  for (std::size_t i = 0; i < settings.labels.size(); ++i) {
    if (is_blank(settings.labels[i])) blank += (blank.empty() ? "" : ", ") + std::to_string(i);
  }
  if (!settings.labels.empty() && blank.empty()) return;
  const std::string got = blank.empty() ? "no labels" : "blank labels at [" + blank + "]";
  throw BundleError(Problem("missing-key", "settings.labels",
                            std::string(task) + ": got " + got +
                                ", expected a name for each logit; set id2label and export the bundle again"));
}

const FloatArray& labelled_logits(const Outputs& outputs, const std::vector<std::string>& labels,
                                  std::optional<std::int64_t> tokens) {
  const FloatArray& logits = output(outputs, "logits");
  const auto count = static_cast<std::int64_t>(labels.size());
  const Shape expected = tokens ? Shape{*tokens, count} : Shape{count};
  if (logits.shape != expected) {
    throw BackendError("the model's logits have shape " + shape_text(logits.shape) + ", expected " +
                       shape_text(expected) + " for " + std::to_string(count) +
                       " labels; the artefact and the manifest do not belong together: export the bundle again");
  }
  const auto broken = std::ranges::count_if(logits.values, [](float logit) { return !std::isfinite(logit); });
  if (broken != 0) {
    throw BackendError(std::to_string(broken) + " of " + std::to_string(logits.values.size()) +
                       " logits are not finite, expected numbers; the artefact overflows on this input: use an fp32 "
                       "artefact or export again");
  }
  return logits;
}

}  // namespace bert_runtime
