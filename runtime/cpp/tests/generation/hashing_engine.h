// A decoder's engine whose every answer depends on the whole cache and on the whole source: rows, masks, order, memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bert_runtime/backends/engine.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/manifest.h"
#include "bert_runtime/tasks/text_generation.h"
#include "tokenizer_record.h"

namespace hashing {

using namespace bert_runtime;

inline constexpr std::int64_t kVocabulary = 30, kHeads = 2, kSize = 3, kHidden = 2;

/// Keeps each token's id in every place of its key and value; its logits are a hash of all unmasked tokens in order,
/// and of the source of the row, where there is one.
class HashingEngine final : public Engine {
 public:
  explicit HashingEngine(bool plain) : plain_(plain) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::vector<FloatArray> run(std::span<const Input>, std::span<const std::string>) const override {
    return {};
  }

  void run_into(std::span<const Input> feeds, std::span<const Output> outputs) const override {
    if (broken) throw BackendError("broken");
    const auto ids = std::get<std::span<const std::int64_t>>(feeds[0].values);
    const auto mask = std::get<std::span<const std::int64_t>>(feeds[1].values);
    const std::int64_t rows = feeds[1].shape[0], total = feeds[1].shape[1], sequence = feeds[0].shape[1];
    for (std::size_t tensor = 2; tensor <= outputs.size(); ++tensor) {
      const auto past = std::get<std::span<const float>>(feeds[tensor].values);
      const auto present = outputs[tensor - 1].values;
      blocks[feeds[tensor].name].insert({past.data(), present.data()});
      write_cache(past, present, ids, {rows, total, sequence});
    }
    const std::vector<std::uint32_t> seeds = source_hashes(feeds.subspan(outputs.size() + 1), rows);
    write_logits(outputs[0].values, outputs[1].values, mask, seeds, {rows, total, sequence});
  }

  mutable std::map<std::string, std::set<const float*>> blocks;
  /// Of each cross key or value: how many sources it had, and where it lay.
  mutable std::map<std::string, std::set<std::pair<std::int64_t, const float*>>> cross_blocks;
  bool broken = false;

 private:
  struct Sizes {
    std::int64_t rows, total, sequence;
  };

  static void write_cache(std::span<const float> past, std::span<float> present, std::span<const std::int64_t> ids,
                          Sizes sizes) {
    const std::int64_t before = sizes.total - sizes.sequence;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(present.size()); ++i) {
      const std::int64_t column = i / kSize % sizes.total, lane = i / kSize / sizes.total;
      const std::int64_t from = (lane * before + column) * kSize + i % kSize;
      const std::int64_t row = lane / kHeads;
      present[static_cast<std::size_t>(i)] =
          column < before ? past[static_cast<std::size_t>(from)]
                          : static_cast<float>(ids[static_cast<std::size_t>(row * sizes.sequence + column - before)]);
    }
  }

  /// For each row, a hash of what its source says at unmasked tokens; rows share the sources evenly.
  std::vector<std::uint32_t> source_hashes(std::span<const Input> cross, std::int64_t rows) const {
    std::vector<std::uint32_t> hashes(static_cast<std::size_t>(rows), 17);
    if (cross.empty()) return hashes;
    const auto mask = std::get<std::span<const std::int64_t>>(cross[0].values);
    const std::int64_t sources = cross[0].shape[0], tokens = cross[0].shape[1];
    for (const Input& input : cross.subspan(1)) {
      const auto keys = std::get<std::span<const float>>(input.values);
      cross_blocks[input.name].insert({sources, keys.data()});
      for (std::int64_t row = 0; row < rows; ++row) {
        const std::int64_t source = row * sources / rows;
        for (std::int64_t token = 0; token < tokens; ++token) {
          if (mask[static_cast<std::size_t>(source * tokens + token)] == 0) continue;
          const float said = keys[static_cast<std::size_t>((source * kHeads * tokens + token) * kSize)];
          auto& hash = hashes[static_cast<std::size_t>(row)];
          hash = hash * 31 + static_cast<std::uint32_t>(said);
        }
      }
    }
    return hashes;
  }

  void write_logits(std::span<float> logits, std::span<const float> keys, std::span<const std::int64_t> mask,
                    std::span<const std::uint32_t> seeds, Sizes sizes) const {
    const std::int64_t columns = plain_ ? sizes.sequence : 1;
    std::ranges::fill(logits, 0.0F);
    for (std::int64_t row = 0; row < sizes.rows; ++row) {
      std::uint32_t hash = seeds[static_cast<std::size_t>(row)];
      for (std::int64_t column = 0; column < sizes.total; ++column) {
        const float id = keys[static_cast<std::size_t>((row * kHeads * sizes.total + column) * kSize)];
        const bool is_read = mask[static_cast<std::size_t>(row * sizes.total + column)] != 0;
        if (is_read) hash = hash * 31 + static_cast<std::uint32_t>(id);
      }
      for (std::int64_t token = 0; token < kVocabulary; ++token) {
        hash = hash * 1664525U + 1013904223U;
        const auto place = static_cast<std::size_t>(((row + 1) * columns - 1) * kVocabulary + token);
        logits[place] = static_cast<float>(hash >> 8) / 4e6F;
      }
    }
  }

  bool plain_;
  std::string name_ = "hashing";
};

inline Artefact artefact(bool plain, bool reads_source = false) {
  Artefact made;
  made.inputs = expand(TextGeneration::task().inputs(plain, reads_source), 2);
  made.outputs = expand(TextGeneration::task().graph_outputs(plain), 2);
  made.plain = plain;
  return made;
}

inline const std::map<std::string, std::int64_t> kSizes = {
    {"vocabulary", kVocabulary}, {"heads", kHeads}, {"size", kSize}, {"hidden", kHidden}};

inline const TextGenerationHead& head() {
  static const std::string kTokenizer = std::string(BERT_RUNTIME_CASES) + "/tiny_tokenizer.json";
  static const TextGenerationHead kHead(TextEncoder::from_file(kTokenizer, tiny_record(64)), {});
  return kHead;
}

inline std::vector<std::vector<std::int64_t>> tokens(const ItemAnswer<TextGenerationResult>& answer) {
  std::vector<std::vector<std::int64_t>> all;
  for (const GeneratedText& text : std::get<TextGenerationResult>(answer).sequences) all.push_back(text.token_ids);
  return all;
}

}  // namespace hashing
