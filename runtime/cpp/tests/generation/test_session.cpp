// Generation with an engine whose every answer depends on the whole cache: rows, masks, order and memory.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "generation/batches.h"
#include "generation/hashing_engine.h"
#include "generation/session.h"

using namespace bert_runtime;
using namespace hashing;

namespace {

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
    const Prompt prompt = head().encode(request);
    all.emplace_back(request, prompt);
  }
  return all;
}

}  // namespace

TEST_CASE("texts do not depend on what shares their batch, nor on which logits the graph gives") {
  const auto all = items();
  for (const bool plain : {false, true}) {
    const HashingEngine engine(plain);
    const Artefact graph = artefact(plain);
    const auto together =
        generated({engine, graph, kSizes, head(), {.max_batch_tokens = 100000, .max_batch_size = 1000}}, all);
    const auto alone = generated({engine, graph, kSizes, head(), {.max_batch_tokens = 1, .max_batch_size = 1}}, all);
    const HashingEngine other(!plain);
    const Artefact other_graph = artefact(!plain);
    const auto again = generated({other, other_graph, kSizes, head(), {}}, all);
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
  (void)generated({engine, graph, kSizes, head(), {}}, std::span(all).subspan(2, 1));
  CHECK(engine.blocks.size() == 4);
  for (const auto& [name, blocks] : engine.blocks) CHECK(blocks.size() == 2);
}

TEST_CASE("an engine that fails takes its own batch with it, and no other") {
  HashingEngine engine(false);
  engine.broken = true;
  const Artefact graph = artefact(false);
  const auto answers = generated({engine, graph, kSizes, head(), {}}, items());
  for (const auto& answer : answers) CHECK(std::holds_alternative<BackendError>(answer));
}

TEST_CASE("a stream's parts join to the text, and it stops when it is told to") {
  const HashingEngine engine(false);
  const Artefact graph = artefact(false);
  const GenerationParts parts = {engine, graph, kSizes, head(), {}};
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

TEST_CASE("requests are batched by length within the limits of rows and tokens") {
  const GenerationSettings one = {.max_new_tokens = 10}, two = {.max_new_tokens = 20, .num_beams = 4};
  const std::vector<Extent> requests = {{&two, 5}, {&one, 5}, {&one, 3}, {&one, 6}};
  using Batches = std::vector<std::vector<std::size_t>>;
  CHECK(plan_generation(requests, {.max_batch_tokens = 10000, .max_batch_size = 64}) == Batches{{2, 1, 3, 0}});
  CHECK(plan_generation(requests, {.max_batch_tokens = 10000, .max_batch_size = 3}) == Batches{{2, 1, 3}, {0}});
  CHECK(plan_generation(requests, {.max_batch_tokens = 30, .max_batch_size = 64}) == Batches{{2, 1}, {3}, {0}});
}

TEST_CASE("a cache beyond memory is refused in words") {
  const HashingEngine engine(false);
  const Artefact graph = artefact(false);
  std::map<std::string, std::int64_t> sizes = kSizes;
  sizes["size"] = std::int64_t{1} << 61;
  const auto all = items();
  const auto answers = generated({engine, graph, sizes, head(), {}}, std::span(all).first(1));
  const auto* error = std::get_if<BackendError>(&answers[0]);
  REQUIRE(error);
  CHECK(std::string(error->what()).starts_with("no memory for a cache of "));
}
