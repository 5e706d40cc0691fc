// Generation with an engine whose every answer depends on the whole cache: rows, masks, order and memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "generation/batches.h"
#include "generation/session.h"

using namespace bert_runtime;

namespace {

constexpr std::int64_t kVocabulary = 30, kHeads = 2, kSize = 3;

/// Keeps each token's id in every place of its key and value; its logits are a hash of all unmasked tokens in order.
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
    for (std::size_t tensor = 2; tensor < feeds.size(); ++tensor) {
      const auto past = std::get<std::span<const float>>(feeds[tensor].values);
      const auto present = outputs[tensor - 1].values;
      blocks[feeds[tensor].name].insert({past.data(), present.data()});
      write_cache(past, present, ids, {rows, total, sequence});
    }
    write_logits(outputs[0].values, outputs[1].values, mask, {rows, total, sequence});
  }

  mutable std::map<std::string, std::set<const float*>> blocks;
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
      present[static_cast<std::size_t>(i)] = column < before
          ? past[static_cast<std::size_t>(from)]
          : static_cast<float>(ids[static_cast<std::size_t>(row * sizes.sequence + column - before)]);
    }
  }

  void write_logits(std::span<float> logits, std::span<const float> keys, std::span<const std::int64_t> mask,
                    Sizes sizes) const {
    const std::int64_t columns = plain_ ? sizes.sequence : 1;
    std::ranges::fill(logits, 0.0F);
    for (std::int64_t row = 0; row < sizes.rows; ++row) {
      std::uint32_t hash = 17;
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

Artefact artefact(bool plain) {
  Artefact made;
  made.inputs = expand(TextGeneration::task().inputs(plain), 2);
  made.outputs = expand(TextGeneration::task().graph_outputs(plain), 2);
  made.plain = plain;
  return made;
}

const std::map<std::string, std::int64_t> kSizes = {{"vocabulary", kVocabulary}, {"heads", kHeads}, {"size", kSize}};
const std::string kTokenizer = std::string(BERT_RUNTIME_CASES) + "/tiny_tokenizer.json";
const TextGenerationHead kHead(TextEncoder::from_file(kTokenizer, 64), {});

std::vector<std::pair<TextGenerationRequest, Prompt>> items() {
  std::vector<TextGenerationRequest> requests = {
      {.prompt = "the cat sat", .settings = {.max_new_tokens = 9}},
      {.prompt = "", .settings = {.max_new_tokens = 4, .repetition_penalty = 1.5}},
      {.prompt = "Paris is the capital of France, he play",
       .settings = {.max_new_tokens = 12, .num_beams = 4, .num_return_sequences = 3}},
      {.prompt = "she", .settings = {.max_new_tokens = 12, .num_beams = 2, .early_stopping = true}},
      {.prompt = "mat on the mat",
       .settings = {.max_new_tokens = 7, .do_sample = true, .seed = 3, .num_return_sequences = 3}},
      {.prompt = "the", .settings = {.max_new_tokens = 30, .eos = ""}},
  };
  std::vector<std::pair<TextGenerationRequest, Prompt>> all;
  for (auto& request : requests) {
    const Prompt prompt = kHead.encode(request);
    all.emplace_back(request, prompt);
  }
  return all;
}

std::vector<std::vector<std::int64_t>> tokens(const std::variant<TextGenerationResult, BackendError>& answer) {
  std::vector<std::vector<std::int64_t>> all;
  for (const GeneratedText& text : std::get<TextGenerationResult>(answer).sequences) all.push_back(text.token_ids);
  return all;
}

}  // namespace

TEST_CASE("texts do not depend on what shares their batch, nor on which logits the graph gives") {
  const auto all = items();
  for (const bool plain : {false, true}) {
    const HashingEngine engine(plain);
    const Artefact graph = artefact(plain);
    const auto together = generated({engine, graph, kSizes, kHead, {.tokens = 100000, .rows = 1000}}, all);
    const auto alone = generated({engine, graph, kSizes, kHead, {.tokens = 1, .rows = 1}}, all);
    const HashingEngine other(!plain);
    const Artefact other_graph = artefact(!plain);
    const auto again = generated({other, other_graph, kSizes, kHead, {}}, all);
    REQUIRE(together.size() == all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      CAPTURE(i);
      CHECK(tokens(together[i]) == tokens(alone[i]));
      CHECK(tokens(together[i]) == tokens(again[i]));
      const auto& settings = all[i].first.settings;
      CHECK(tokens(alone[i]).size() == static_cast<std::size_t>(settings.num_return_sequences));
    }
    CHECK(tokens(alone[5])[0].size() == 30);
  }
}

TEST_CASE("the cache is two blocks for each tensor, which change places") {
  const HashingEngine engine(false);
  const Artefact graph = artefact(false);
  const auto all = items();
  (void)generated({engine, graph, kSizes, kHead, {}}, std::span(all).subspan(2, 1));
  CHECK(engine.blocks.size() == 4);
  for (const auto& [name, blocks] : engine.blocks) CHECK(blocks.size() == 2);
}

TEST_CASE("an engine that fails takes its own batch with it, and no other") {
  HashingEngine engine(false);
  engine.broken = true;
  const Artefact graph = artefact(false);
  const auto answers = generated({engine, graph, kSizes, kHead, {}}, items());
  for (const auto& answer : answers) CHECK(std::holds_alternative<BackendError>(answer));
}

TEST_CASE("a stream's parts join to the text, and it stops when it is told to") {
  const HashingEngine engine(false);
  const Artefact graph = artefact(false);
  const GenerationParts parts = {engine, graph, kSizes, kHead, {}};
  const auto all = items();
  std::string joined;
  int count = 0;
  stream(parts, all[5].first, [&](std::string_view part) { return joined += part, ++count, true; });
  const auto whole = generated(parts, std::span(all).subspan(5, 1));
  CHECK(joined == std::get<TextGenerationResult>(whole[0]).sequences[0].text);
  CHECK(count > 5);
  int seen = 0;
  stream(parts, all[5].first, [&](std::string_view) { return ++seen < 3; });
  CHECK(seen == 3);
  CHECK_THROWS_WITH_AS(stream(parts, all[2].first, [](std::string_view) { return true; }),
                       "streaming with num_beams 4 and num_return_sequences 3, expected 1 of both: call the session "
                       "for whole texts",
                       InputError);
}

TEST_CASE("requests are batched by length within the budget of rows and tokens") {
  const GenerationSettings one = {.max_new_tokens = 10}, two = {.max_new_tokens = 20, .num_beams = 4};
  const std::vector<GenerationLength> requests = {{&two, 5}, {&one, 5}, {&one, 3}, {&one, 6}};
  using Batches = std::vector<std::vector<std::size_t>>;
  CHECK(plan_generation(requests, {.tokens = 10000, .rows = 64}) == Batches{{2, 1, 3, 0}});
  CHECK(plan_generation(requests, {.tokens = 10000, .rows = 3}) == Batches{{2, 1, 3}, {0}});
  CHECK(plan_generation(requests, {.tokens = 30, .rows = 64}) == Batches{{2, 1}, {3}, {0}});
}

TEST_CASE("a cache beyond memory is refused in words") {
  const HashingEngine engine(false);
  const Artefact graph = artefact(false);
  std::map<std::string, std::int64_t> sizes = kSizes;
  sizes["size"] = std::int64_t{1} << 61;
  const auto all = items();
  const auto answers = generated({engine, graph, sizes, kHead, {}}, std::span(all).first(1));
  const auto* error = std::get_if<BackendError>(&answers[0]);
  REQUIRE(error);
  CHECK(std::string(error->what()).starts_with("no memory for a cache of "));
}
