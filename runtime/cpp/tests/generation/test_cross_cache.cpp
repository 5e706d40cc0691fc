// Cross keys and values are computed once for each source, and every row reads its own.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bert_runtime/errors.h"
#include "generation/batches.h"
#include "generation/cross_cache.h"
#include "generation/hashing_engine.h"
#include "generation/session.h"
#include "generation/sources.h"
#include "texts.h"

using namespace bert_runtime;
using namespace hashing;

namespace {

using Owners = std::vector<std::int64_t>;

/// Writes the first number of each token's states to every place of its keys and values.
class SourceEngine final : public Engine {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::vector<FloatArray> run(std::span<const Input>, std::span<const std::string>) const override {
    return {};
  }

  void run_into(std::span<const Input> feeds, std::span<const Output> outputs) const override {
    ++runs;
    REQUIRE(feeds.size() == 1);
    REQUIRE(feeds[0].name == "encoder_hidden_states");
    const auto hidden = std::get<std::span<const float>>(feeds[0].values);
    const std::int64_t tokens = feeds[0].shape[1];
    for (const Output& output : outputs) {
      written[output.name] = output.values.data();
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(output.values.size()); ++i) {
        const std::int64_t source = i / (kHeads * tokens * kSize), token = i / kSize % tokens;
        output.values[static_cast<std::size_t>(i)] =
            hidden[static_cast<std::size_t>((source * tokens + token) * kHidden)];
      }
    }
  }

  mutable int runs = 0;
  mutable std::map<std::string, const float*> written;

 private:
  std::string name_ = "source";
};

Graph source_graph() {
  const CrossAttention& cross = *TextGeneration::task().cross_attention;
  return {"cross_kv.onnx", {}, expand(cross.cross_kv_inputs, 2), expand(cross.cross_kv_outputs, 2)};
}

/// States of tokens that each say another number.
EncoderStates states(std::int64_t tokens, int seed, std::vector<std::int64_t> mask = {}) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < tokens * kHidden; ++i) values.push_back(static_cast<float>(100 * seed + i));
  FloatArray hidden = FloatArray::owning({tokens, kHidden}, std::move(values));
  return mask.empty() ? EncoderStates::whole(std::move(hidden)) : EncoderStates(std::move(hidden), std::move(mask));
}

/// A decoder with a source, and its engines.
struct Model {
  HashingEngine engine{false};
  std::shared_ptr<SourceEngine> source_engine = std::make_shared<SourceEngine>();
  Artefact graph = artefact(false, true);
  Sources sources{source_graph(), source_engine, kSizes, std::nullopt};

  [[nodiscard]] GenerationParts parts(BatchLimits limits = {}) const {
    return {engine, graph, kSizes, head(), limits, &sources};
  }
};

using Items = std::vector<std::pair<TextGenerationRequest, Prompt>>;

Items items(const Model& model) {
  std::vector<TextGenerationRequest> requests = {
      {.prompt = "the cat sat", .settings = {.max_new_tokens = 9}, .encoder_text = states(3, 1)},
      {.prompt = "the cat sat", .settings = {.max_new_tokens = 9}, .encoder_text = states(5, 2)},
      {.prompt = "she",
       .settings = {.max_new_tokens = 12, .num_beams = 4, .num_return_sequences = 3},
       .encoder_text = states(7, 3, {0, 1, 1, 0, 1, 1, 0})},
      {.prompt = "", .settings = {.max_new_tokens = 12, .num_beams = 4}, .encoder_text = states(1, 4)},
      {.prompt = "mat on the mat",
       .settings = {.max_new_tokens = 7, .do_sample = true, .seed = 3, .num_return_sequences = 3},
       .encoder_text = states(2, 5)},
      {.prompt = "the", .settings = {.max_new_tokens = 30, .eos = ""}, .encoder_text = states(4, 6)},
  };
  Items all;
  for (auto& request : requests) {
    Prompt prompt = encoded_prompt(model.parts(), request);
    all.emplace_back(request, std::move(prompt));
  }
  return all;
}

std::string told(const Model& model, const TextGenerationRequest& request) {
  try {
    (void)encoded_prompt(model.parts(), request);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("sources are taken as rarely as equal shares allow") {
  const std::pair<Owners, Owners> cases[] = {
      {{0}, {0}},       {{0, 1, 2}, {0, 1, 2}}, {{0, 0, 0, 1, 1, 1}, {0, 1}},    {{2, 2}, {2}},
      {{0, 2}, {0, 2}}, {{0, 0, 1}, {0, 0, 1}}, {{0, 0, 0, 0, 3, 3}, {0, 0, 3}},
  };
  for (const auto& [owners, needed] : cases) CHECK(evenly(owners) == needed);
}

TEST_CASE("texts with sources do not depend on what shares their batch") {
  const Model model;
  const Items all = items(model);
  const auto together = generated(model.parts({.max_batch_tokens = 100000, .max_batch_size = 1000}), all);
  CHECK(model.source_engine->runs == 1);  // for all sources at once
  const auto alone = generated(model.parts({.max_batch_tokens = 1, .max_batch_size = 1}), all);
  CHECK(model.source_engine->runs == 1 + static_cast<int>(all.size()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    CHECK(tokens(together[i]) == tokens(alone[i]));
  }
  CHECK(tokens(alone[0]) != tokens(alone[1]));  // the same prompt with another source
}

TEST_CASE("a token of a source that its mask hides is not read") {
  const Model model;
  Items all = items(model);
  const auto before = generated(model.parts(), std::span(all).subspan(2, 1));
  const EncoderStates given = states(7, 3);
  std::vector<float> values(given.hidden().values.begin(), given.hidden().values.end());
  values[0] = values[3 * kHidden] = values[6 * kHidden] = 77;  // of tokens that are hidden
  all[2].second.source = EncoderStates(FloatArray::owning({7, kHidden}, values), {0, 1, 1, 0, 1, 1, 0});
  CHECK(tokens(generated(model.parts(), std::span(all).subspan(2, 1))[0]) == tokens(before[0]));
  values[kHidden] = 78;
  all[2].second.source = EncoderStates(FloatArray::owning({7, kHidden}, values), {0, 1, 1, 0, 1, 1, 0});
  CHECK(tokens(generated(model.parts(), std::span(all).subspan(2, 1))[0]) != tokens(before[0]));
}

TEST_CASE("beams read their source where it lies without a copy") {
  const Model model;
  const Items all = items(model);
  (void)generated(model.parts(), std::span(all).subspan(2, 2));  // four beams of each of two sources
  REQUIRE(model.engine.cross_blocks.size() == 4);
  for (const auto& [name, blocks] : model.engine.cross_blocks) {
    CAPTURE(name);
    CHECK(std::ranges::count_if(blocks, [](const auto& block) { return block.first == 2; }) == 1);
    CHECK(blocks.contains({2, model.source_engine->written.at(name)}));
    for (const auto& [sources, place] : blocks) CHECK(sources <= 2);  // one alone where the other's beams have ended
  }
}

TEST_CASE("sources count in the limits of a batch, and decide its order after the new tokens") {
  const GenerationSettings one = {.max_new_tokens = 10};
  const std::vector<Extent> requests = {{&one, 5, 30}, {&one, 5, 2}, {&one, 3, 30}, {&one, 6, 2}};
  using Batches = std::vector<std::vector<std::size_t>>;
  CHECK(plan_generation(requests, {.max_batch_tokens = 10000, .max_batch_size = 64}) == Batches{{1, 3, 2, 0}});
  CHECK(plan_generation(requests, {.max_batch_tokens = 40, .max_batch_size = 64}) == Batches{{1, 3}, {2}, {0}});
  CHECK(plan_generation(requests, {.max_batch_tokens = 35, .max_batch_size = 64}) == Batches{{1}, {3}, {2}, {0}});
}

TEST_CASE("keys and values beyond memory are refused in words") {
  const SourceEngine engine;
  std::map<std::string, std::int64_t> sizes = kSizes;
  sizes["size"] = std::int64_t{1} << 61;
  const EncoderStates one = states(3, 1);
  CHECK_THROWS_WITH_AS(CrossCache(engine, source_graph(), sizes, {&one, 1}),
                       "no memory for keys and values of 1 sources of 3 tokens; shorten them, or lower the limits of "
                       "batches",
                       BackendError);
}

TEST_CASE("a source that cannot be read is refused with every problem of the request") {
  const Model model;
  const std::string long_prompt(200, '!');
  CHECK(told(model, {.prompt = ""}) ==
        "encoder_text is missing, expected the text, or the EncoderStates, that this decoder reads");
  CHECK(told(model, {.prompt = "", .encoder_text = "a text"}) ==
        "encoder_text is a text and no encoder was loaded, expected EncoderStates: or name the encoder's bundle when "
        "loading "
        "(Options(encoder=DIR), --encoder DIR)");
  CHECK(told(model, {.prompt = "", .encoder_text = "\xff"}).starts_with("encoder_text"));
  const EncoderStates wide = EncoderStates::whole(FloatArray::owning({1, 5}, std::vector<float>(5, 1)));
  const std::string width =
      "encoder_text.hidden has 5 numbers for a token, expected 2: give the states of this decoder's own encoder";
  CHECK(told(model, {.prompt = "", .encoder_text = wide}) == width);
  CHECK(told(model, {.prompt = long_prompt, .encoder_text = wide}) ==
        "the prompt has 201 tokens, expected at most 63, for the model reads 64: shorten it; " + width);
}

TEST_CASE("states that are none say what is wrong with them, and no shape is too wrong to make them") {
  const auto problem = [](FloatArray hidden, std::vector<std::int64_t> mask) -> std::string {
    const EncoderStates states(std::move(hidden), std::move(mask));
    const TextGenerationRequest request = {.prompt = "", .encoder_text = states};
    CHECK(request.problems() == states.problems());
    return told(states.problems());
  };
  CHECK(EncoderStates::whole({{1 << 30, 1 << 30}, {}, nullptr}).mask().empty());
  CHECK(EncoderStates::whole({{}, {}, nullptr}).problems() ==
        std::vector<Problem>{{"wrong-type", "encoder_text.hidden",
                              "encoder_text.hidden is float32 of shape (), expected float32 of (source, hidden): one "
                              "text, no batch axis"}});
  const auto ones = [](Shape shape) {
    return FloatArray::owning(shape, std::vector<float>(static_cast<std::size_t>(element_count(shape)), 1));
  };
  CHECK(problem(ones({1, 3, 4}), {1, 1, 1}) ==
        "encoder_text.hidden is float32 of shape (1, 3, 4), expected float32 of (source, hidden): one text, no batch "
        "axis");
  CHECK(problem(ones({0, 4}), {}) == "encoder_text.hidden has the shape (0, 4), expected one token at least");
  CHECK(problem(ones({3, 4}), {1, 1}) ==
        "encoder_text.mask has 2 entries for 3 rows of encoder_text.hidden, expected one for each");
  CHECK(problem(ones({3, 4}), {0, 0, 0}) ==
        "encoder_text.mask hides every token, expected 1 for one at least: there is nothing to read");
  CHECK(problem(ones({3, 4}), {2, 2, 2}) ==
        "encoder_text.mask holds other values than 0 and 1, expected 1 for a token and 0 for padding");
  CHECK(problem({{3, 4}, ones({2, 2}).values, nullptr}, {1, 1, 1}) ==
        "encoder_text.hidden has 4 values, expected those of its shape (3, 4)");
  FloatArray nan = FloatArray::owning({1, 1}, {std::numeric_limits<float>::quiet_NaN()});
  CHECK(problem(nan, {1}) == "encoder_text.hidden holds values that are NaN or infinite, expected finite numbers");
}
