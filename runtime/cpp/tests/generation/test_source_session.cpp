// A session with an encoder: a real decoder, small, whose encoder_text is a text or an encoder's states.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "bert_runtime/encoder.h"
#include "bert_runtime/errors.h"
#include "generation/sources.h"
#include "golden.h"

using namespace bert_runtime;

namespace {

const std::string kEncoder = golden::path("feature-extraction");

auto decoder(const Options& options) { return load<TextGeneration>(golden::path(golden::kFromSource), options); }

std::vector<std::int64_t> tokens(const TextGenerationResult& result) { return result.sequences.front().token_ids; }

template <class Error, class Work>
std::string told(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a text and the states that the encoder says of it give the same") {
  const auto session = decoder({.threads = 1, .encoder = kEncoder});
  const Encoder encoder(golden::load<FeatureExtraction>());
  const EncoderStates read = encoder("A good film.");
  CHECK(read.width() == encoder.width());
  for (const std::int64_t beams : {1, 3}) {
    const GenerationSettings settings = {.max_new_tokens = 6, .num_beams = beams, .repetition_penalty = 1.3};
    const auto of_text = session({.prompt = "the", .settings = settings, .encoder_text = "A good film."});
    CHECK(tokens(session({.prompt = "the", .settings = settings, .encoder_text = read})) == tokens(of_text));
    CHECK(tokens(decoder({.threads = 1})({.prompt = "the", .settings = settings, .encoder_text = read})) ==
          tokens(of_text));
  }
}

TEST_CASE("a text with a source is streamed in parts that join to the whole") {
  const auto session = decoder({.threads = 1, .encoder = kEncoder});
  const TextGenerationRequest request = {
      .prompt = "the", .settings = {.max_new_tokens = 6, .repetition_penalty = 1.5}, .encoder_text = "A film."};
  std::string joined;
  session.stream(request, [&](std::string_view part) { return joined += part, true; });
  CHECK(joined == session(request).sequences.front().text);
  CHECK(!joined.empty());
}

TEST_CASE("a request without its source takes no other with it") {
  const auto session = decoder({.threads = 1, .encoder = kEncoder});
  const GenerationSettings settings = {.max_new_tokens = 2};
  const std::string longer(80, '!');
  const std::vector<TextGenerationRequest> requests = {
      {.prompt = "a", .settings = settings, .encoder_text = "A film."},
      {.prompt = "a", .settings = settings},
      {.prompt = "a", .settings = settings, .encoder_text = longer},
      {.prompt = "a", .settings = settings, .encoder_text = "A film."}};
  const auto answers = session.predict(requests);
  CHECK(std::holds_alternative<TextGenerationResult>(answers[0]));
  CHECK(std::string(std::get<InputError>(answers[1]).what()).starts_with("request 1: encoder_text is missing"));
  CHECK(std::string(std::get<InputError>(answers[2]).what()) ==
        "request 2: the source has 82 tokens, expected at most 32: shorten it");
  CHECK(std::holds_alternative<TextGenerationResult>(answers[3]));
}

TEST_CASE("a source for a decoder that reads none is refused") {
  const auto session = golden::load<TextGeneration>();
  CHECK(told<InputError>([&] {
          (void)session({.prompt = "a", .settings = {.max_new_tokens = 1}, .encoder_text = "a"});
        }) == "encoder_text is given, expected none: this decoder reads no encoder");
  CHECK(told<InputError>([&] { (void)session.run_source({}); }) ==
        "this decoder reads no encoder, expected a bundle with the graph of a source");
}

TEST_CASE("an encoder that does not fit is refused") {
  const std::string plain = golden::path("text-generation");
  CHECK(told<InputError>([&] { (void)load<TextGeneration>(plain, {.encoder = kEncoder}); }) ==
        "an encoder is given (" + kEncoder + "), expected none: the bundle in " +
            std::filesystem::canonical(plain).string() + " reads no encoder");
  CHECK(told<BundleError>([&] { (void)decoder({.encoder = plain}); }) ==
        plain + ": the bundle's task is text-generation, expected feature-extraction");
  const Encoder encoder(golden::load<FeatureExtraction>());
  CHECK(told<BundleError>([&] { (void)Sources({}, nullptr, {{"hidden", 32}}, encoder); }) ==
        "the encoder says 16 numbers of a token, expected 32, which this decoder reads: give the encoder that it was "
        "trained with");
}

TEST_CASE("the raw level has both graphs, and refuses sources that do not fit") {
  const auto session = decoder({.threads = 1});
  const std::vector<float> numbers(2 * 5 * 16, 1);
  const Input hidden = {"encoder_hidden_states", {2, 5, 16}, std::span<const float>(numbers)};
  auto cross = session.run_source({&hidden, 1});
  CHECK(cross.size() == 4);
  const Input none = {"encoder_hidden_states", {2, 0, 16}, std::span<const float>()};
  CHECK(told<InputError>([&] { (void)session.run_source({&none, 1}); }) ==
        "encoder_hidden_states has the shape (2, 0, 16), expected a source of one token at least");

  const auto run = [&](std::int64_t rows) {
    const std::vector<std::int64_t> ones(10, 1);
    const std::span<const std::int64_t> values(ones);
    std::vector<Input> feeds = {{"input_ids", {rows, 1}, values.first(static_cast<std::size_t>(rows))},
                                {"attention_mask", {rows, 1}, values.first(static_cast<std::size_t>(rows))},
                                {"encoder_attention_mask", {2, 5}, values}};
    for (const TensorSpec& spec : session.artefact().inputs) {
      if (spec.name.starts_with("past")) feeds.push_back({spec.name, {rows, 2, 0, 8}, std::span<const float>()});
    }
    for (const auto& [name, array] : cross) feeds.push_back({name, array.shape, array.values});
    return session.run(feeds).at("logits").shape;
  };
  CHECK(run(4) == Shape{4, 64});
  CHECK(told<InputError>([&] { (void)run(3); }) ==
        "batch is 3 with 2 sources, expected a multiple: equally many rows for each source");
}
