#include "bert_runtime/encoder.h"

#include <optional>
#include <string>
#include <utility>

#include "bert_runtime/errors.h"
#include "tasks/scores.h"

namespace bert_runtime {
namespace {

/// Every bundle of feature extraction has it, plain or not.
const std::string kStates = "last_hidden_state";

}  // namespace

Encoder::Encoder(Session<FeatureExtraction> session) : session_(std::move(session)) {}

EncoderStates Encoder::operator()(std::string_view text) const {
  const Features own = row(text);
  const Features* const rows[] = {&own};
  return states(rows).front();
}

Features Encoder::row(std::string_view text) const {
  const TextEncoder& own = session_.text();
  const Pieces pieces = own.pieces(text);
  const std::int64_t length = static_cast<std::int64_t>(pieces.size()) + own.max_length() - own.room();
  if (length > own.max_length()) {
    throw InputError(Problem("too-long", "encoder_text",
                             "the source has " + std::to_string(length) + " tokens, expected at most " +
                                 std::to_string(own.max_length()) + ": shorten it"));
  }
  return Features::from_row(own.row(pieces));
}

std::vector<EncoderStates> Encoder::states(std::span<const Features* const> rows) const {
  std::vector<std::optional<EncoderStates>> found(rows.size());
  session_.outputs(rows, {&kStates, 1}, [&](std::size_t i, const Outputs& own) {
    const FloatArray& hidden = output(own, kStates);
    require_finite(hidden.values, kStates);
    found[i] = EncoderStates::whole(hidden);
  });
  std::vector<EncoderStates> all;
  for (auto& each : found) all.push_back(std::move(*each));
  return all;
}

std::int64_t Encoder::width() const { return session_.manifest().sizes.at("hidden"); }

}  // namespace bert_runtime
