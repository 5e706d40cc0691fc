#include "generation/decoder.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "bert_runtime/errors.h"
#include "tasks/scores.h"

namespace bert_runtime {
namespace {

const TensorSpec& logits_of(const Artefact& artefact) {
  const auto found = std::ranges::find(artefact.outputs, std::string("logits"), &TensorSpec::name);
  if (found == artefact.outputs.end()) {
    throw BackendError("the graph gives no 'logits', expected them among its outputs; export the bundle again");
  }
  return *found;
}

/// Whether each row goes on from itself.
bool is_same_order(std::span<const std::int64_t> sources, std::int64_t rows) {
  if (static_cast<std::int64_t>(sources.size()) != rows) return false;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

}  // namespace

CachedDecoder::CachedDecoder(const Engine& engine, const Artefact& artefact,
                             const std::map<std::string, std::int64_t>& sizes, std::int64_t tokens, CrossCache* cross)
    : engine_(engine),
      sizes_(sizes),
      logits_spec_(logits_of(artefact)),
      cache_(artefact, sizes, tokens),
      cross_(cross) {}

LaneLogits CachedDecoder::prefill(std::span<const std::vector<std::int64_t>* const> prompts, std::int64_t pad_id) {
  const std::size_t width = std::ranges::max(prompts, {}, [](const auto* prompt) { return prompt->size(); })->size();
  rows_ = static_cast<std::int64_t>(prompts.size());
  total_ = static_cast<std::int64_t>(width);
  std::vector<std::int64_t> ids(prompts.size() * width, pad_id);
  mask_.assign(ids.size(), 0);
  owners_.resize(prompts.size());
  std::iota(owners_.begin(), owners_.end(), 0);
  for (std::size_t row = 0; row < prompts.size(); ++row) {
    const auto start = static_cast<std::ptrdiff_t>((row + 1) * width - prompts[row]->size());
    std::ranges::copy(*prompts[row], ids.begin() + start);
    std::fill_n(mask_.begin() + start, prompts[row]->size(), 1);
  }
  return run(ids, rows_);
}

LaneLogits CachedDecoder::step(const Step& next) {
  if (!is_same_order(next.sources, rows_)) cache_.reorder(next.sources);
  keep_rows(next.sources);
  return run(next.tokens, rows_);
}

/// The masks of the rows that go on, one column wider, and whose they are.
void CachedDecoder::keep_rows(std::span<const std::int64_t> sources) {
  std::vector<std::int64_t> kept, owners;
  kept.reserve(sources.size() * static_cast<std::size_t>(total_ + 1));
  for (const std::int64_t source : sources) {
    const auto first = mask_.begin() + source * total_;
    kept.insert(kept.end(), first, first + total_);
    kept.push_back(1);
    owners.push_back(owners_[static_cast<std::size_t>(source)]);
  }
  mask_ = std::move(kept);
  owners_ = std::move(owners);
  rows_ = static_cast<std::int64_t>(sources.size());
  ++total_;
}

LaneLogits CachedDecoder::run(std::span<const std::int64_t> ids, std::int64_t rows) {
  const std::int64_t sequence = static_cast<std::int64_t>(ids.size()) / rows;
  std::vector<Input> inputs = {{"input_ids", {rows, sequence}, ids},
                               {"attention_mask", {rows, total_}, std::span<const std::int64_t>(mask_)}};
  cache_.add_past(rows, inputs);
  if (cross_) cross_->add_inputs(owners_, inputs);
  const Shape shape = logits_shape(rows, sequence);
  logits_.resize(static_cast<std::size_t>(element_count(shape)));
  std::vector<Output> outputs = {{logits_spec_.name, shape, logits_}};
  cache_.add_present(rows, total_, outputs);
  engine_.run_into(inputs, outputs);
  cache_.advance(rows, total_);
  return last_logits(shape);
}

/// Those of the last position, or of every one where the graph is plain.
Shape CachedDecoder::logits_shape(std::int64_t rows, std::int64_t sequence) const {
  Shape shape;
  for (const std::string& axis : logits_spec_.axes) {
    const auto known = sizes_.find(axis);
    shape.push_back(axis == "batch" ? rows : known == sizes_.end() ? sequence : known->second);
  }
  return shape;
}

/// The logits of each row's last position, moved to the front of their memory.
LaneLogits CachedDecoder::last_logits(const Shape& shape) {
  const auto vocabulary = static_cast<std::size_t>(shape.back()), rows = static_cast<std::size_t>(shape.front());
  const std::size_t sequence = shape.size() == 3 ? static_cast<std::size_t>(shape[1]) : 1;
  for (std::size_t row = 0; sequence > 1 && row < rows; ++row) {
    const float* last = logits_.data() + (row * sequence + sequence - 1) * vocabulary;
    std::copy_n(last, vocabulary, logits_.data() + row * vocabulary);
  }
  const std::span<const float> values(logits_.data(), rows * vocabulary);
  require_finite(values, "logits");
  return {values, vocabulary};
}

}  // namespace bert_runtime
