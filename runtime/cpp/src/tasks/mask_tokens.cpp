#include "tasks/mask_tokens.h"

#include <algorithm>

#include "bert_runtime/errors.h"
#include "in_json.h"
#include "tasks/scores.h"

namespace bert_runtime {
namespace {

/// The ids of the best tokens, best first.
std::vector<std::int64_t> best(std::span<const double> scores, const Wanted& wanted) {
  if (!wanted.target_ids) return top(scores, wanted.top_k);
  std::vector<double> among;
  for (const std::int64_t target : *wanted.target_ids) among.push_back(scores[static_cast<std::size_t>(target)]);
  std::vector<std::int64_t> found = top<double>(among, wanted.top_k);
  for (std::int64_t& place : found) place = (*wanted.target_ids)[static_cast<std::size_t>(place)];
  return found;
}

/// The text with one mask filled. Special tokens are left out unless other masks must be seen.
std::string filled(const TextEncoder& text, const Pieces& pieces, std::size_t index, std::int64_t token) {
  std::vector<std::int64_t> ids = pieces.ids;
  ids[index] = token;
  std::erase(ids, text.pad_id());
  return text.decode(ids, mask_indices(text, pieces.ids).size() == 1);
}

std::string mask_logits_shape(const Features& features) {
  return "(" + std::to_string(features.masks()) + " masks or " + std::to_string(features.ids.size()) +
         " tokens, vocabulary)";
}

void require_vocabulary(const Wanted& wanted, std::span<const std::span<const float>> logits) {
  if (!wanted.target_ids || wanted.target_ids->empty() || logits.empty()) return;
  const std::int64_t last = std::ranges::max(*wanted.target_ids);
  if (last < static_cast<std::int64_t>(logits.front().size())) return;
  throw BackendError("token " + std::to_string(last) + " is in tokenizer.json, but the graph's vocabulary ends at " +
                     std::to_string(logits.front().size()) +
                     ", expected the same vocabulary in both; export the bundle again");
}

}  // namespace

std::vector<std::span<const float>> mask_logits(const FloatArray& logits, const Features& features,
                                                std::string_view name) {
  const std::int64_t tokens = static_cast<std::int64_t>(features.ids.size()), masks = features.masks();
  const std::int64_t rows = logits.shape.size() == 2 ? logits.shape[0] : -1;
  if (!features.positions || (rows != masks && rows != tokens)) {
    throw BackendError(in_json(name) + " has the shape " + shape_text(logits.shape) + ", expected " +
                       mask_logits_shape(features) + "; export the bundle again");
  }
  std::vector<std::span<const float>> found;
  std::vector<float> all;
  for (std::int64_t i = 0; i < masks; ++i) {
    found.push_back(logits[rows == masks ? i : (*features.positions)[static_cast<std::size_t>(i)]].values);
    if (rows != masks) all.insert(all.end(), found.back().begin(), found.back().end());
  }
  require_finite(rows == masks ? logits.values : std::span<const float>(all), name);
  return found;
}

std::vector<std::int64_t> mask_indices(const TextEncoder& text, std::span<const std::int64_t> ids) {
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == text.mask_id()) found.push_back(static_cast<std::int64_t>(i));
  }
  return found;
}

std::vector<MaskResult> fill(const TextEncoder& text, const Pieces& pieces,
                             std::span<const std::span<const float>> logits, const Wanted& wanted) {
  require_vocabulary(wanted, logits);
  std::vector<MaskResult> results;
  for (const std::int64_t at : mask_indices(text, pieces.ids)) {
    const auto index = static_cast<std::size_t>(at);
    const std::vector<double> scores = softmax(logits[results.size()]);
    std::vector<Candidate> candidates;
    for (const std::int64_t token : best(scores, wanted)) {
      candidates.push_back(
          {text.token(token), token, scores[static_cast<std::size_t>(token)], filled(text, pieces, index, token)});
    }
    const Span place = pieces.offsets[index];
    results.push_back({place.begin, place.end, std::move(candidates), pieces.bytes[index]});
  }
  return results;
}

void note_top_k_problem(std::int64_t top_k, Problems& problems) {
  if (top_k >= 1) return;
  problems.push_back({"out-of-range", "top_k",
                      "top_k is " + std::to_string(top_k) + ", expected at least 1: ask for one candidate or more"});
}

std::string no_mask(const TextEncoder& text) {
  const std::string& mask = text.mask_token();
  return "text has no " + mask + ", expected one or more: write " + mask + " for a missing word, as in 'Paris is the " +
         mask + " of France.'";
}

void note_lost_masks(const TextEncoder& text, std::string_view name, const Pieces& pieces, const Pieces& kept,
                     Problems& problems) {
  const std::size_t total = mask_indices(text, pieces.ids).size(), left = mask_indices(text, kept.ids).size();
  if (total == left) return;
  const std::string field(name);
  problems.push_back({"too-long", field,
                      field + " has " + std::to_string(pieces.size()) + " tokens, of which the model reads " +
                          std::to_string(kept.size()) + ": " + std::to_string(total - left) + " of " +
                          std::to_string(total) + " masks are cut off, expected none; shorten " + field +
                          ", or keep only what is around the masks"});
}

void require_mask_token(const TextEncoder& text) {
  if (text.mask_id()) return;
  throw BundleError(
      Problem("missing-key", "tokenizer.mask_id",
              "the manifest has no tokenizer.mask_id, expected the id of a mask; export a BERT checkpoint"));
}

}  // namespace bert_runtime
