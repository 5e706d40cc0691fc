#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "golden.h"

using namespace bert_runtime;

namespace {

using Classes = Session<TextClassification>;

std::vector<TextClassificationRequest> requests(int count) {
  std::vector<TextClassificationRequest> made;
  for (int i = 0; i < count; ++i) {
    std::string text;
    for (int word = 0; word < (7 * i) % 23; ++word) text += "word ";
    made.push_back({.text = text + "number " + std::to_string(i)});
  }
  return made;
}

std::vector<LabelScore> labels(const Classes::Result& result) { return std::get<SingleLabelResult>(result).labels; }

void check_equal(const Classes::Result& left, const Classes::Result& right) {
  REQUIRE(labels(left).size() == labels(right).size());
  for (std::size_t i = 0; i < labels(left).size(); ++i) {
    CHECK(labels(left)[i].label == labels(right)[i].label);
    CHECK(std::abs(labels(left)[i].score - labels(right)[i].score) < 1e-5);
  }
}

std::vector<std::int64_t> ones(std::size_t count) { return std::vector<std::int64_t>(count, 1); }

}  // namespace

TEST_CASE("a stream is answered in its order, as each request is answered alone") {
  const auto session = golden::load<TextClassification>();
  const auto asked = requests(300);  // more than one look ahead
  const auto answers = session.predict(asked);
  REQUIRE(answers.size() == asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    check_equal(std::get<Classes::Result>(answers[i]), session(asked[i]));
  }
}

TEST_CASE("many batches at once give the answers of one after another") {
  const auto session = golden::load<TextClassification>();
  const auto bulk =
      golden::load<TextClassification>({.threads = 4, .batch_limits = {.max_batch_size = 3}, .mode = "throughput"});
  const auto asked = requests(300);
  const auto answers = bulk.predict(asked);
  REQUIRE(answers.size() == asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    check_equal(std::get<Classes::Result>(answers[i]), session(asked[i]));
  }
}

TEST_CASE("what a batch throws ends all of them, and is thrown once") {
  const auto bulk =
      golden::load<TextClassification>({.threads = 4, .batch_limits = {.max_batch_size = 1}, .mode = "throughput"});
  std::vector<Features> rows(20, {.ids = {1, 2, 3}, .type_ids = {0, 0, 0}, .mask = {1, 1, 1}});
  std::vector<const Features*> pointers;
  for (const Features& row : rows) pointers.push_back(&row);
  const std::vector<std::string> fetch = {"logits"};
  const auto refuse = [](std::size_t, Outputs) { throw BackendError("enough"); };
  CHECK_THROWS_WITH_AS(bulk.outputs(pointers, fetch, refuse), "enough", BackendError);
}

TEST_CASE("wrong options are named at once") {
  CHECK_THROWS_WITH_AS(golden::load<TextClassification>({.threads = 0, .mode = "fast"}),
                       "threads is 0, expected 1 to 1024; mode is \"fast\", expected one of auto, latency, throughput",
                       InputError);
  CHECK_THROWS_AS(golden::load<TextGeneration>({.mode = "throughput"}), InputError);
}

TEST_CASE("a request that cannot be answered takes no other with it and names its place") {
  const auto session = golden::load<TextClassification>();
  auto asked = requests(270);
  asked[3].top_k = 0;
  asked[260].text = "\xff";
  const auto answers = session.predict(asked);
  REQUIRE(answers.size() == asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto* error = std::get_if<InputError>(&answers[i]);
    REQUIRE((error != nullptr) == (i == 3 || i == 260));
    if (error) CHECK(error->index() == static_cast<std::int64_t>(i));
  }
  CHECK(std::string(std::get<InputError>(answers[3]).what()).starts_with("request 3: top_k is 0"));
}

TEST_CASE("what a source gave before it broke is still answered") {
  const auto session = golden::load<TextClassification>();
  int given = 0;
  int answered = 0;
  const Classes::Source source = [&]() -> std::optional<ItemAnswer<Classes::Request>> {
    if (given == 5) throw std::runtime_error("the source broke");
    return Classes::Request{.text = std::to_string(given++)};
  };
  CHECK_THROWS_WITH(session.predict(source, [&](Classes::Answer) { ++answered; }), "the source broke");
  CHECK(answered == 5);
}

TEST_CASE("copies of a session share one model, and outlive the first") {
  std::optional<Classes> first = golden::load<TextClassification>();
  const Classes second = *first;
  const auto before = (*first)({.text = "some text"});
  first.reset();
  check_equal(second({.text = "some text"}), before);
}

TEST_CASE("a bundle of another task is refused by both names") {
  const std::string path = golden::path("fill-mask");
  const std::string told = path + ": the bundle's task is fill-mask, expected question-answering";
  CHECK_THROWS_WITH_AS(load<QuestionAnswering>(path), told.c_str(), BundleError);
}

TEST_CASE("options out of range are refused, all at once") {
  try {
    (void)golden::load<FillMask>({.threads = 0, .batch_limits = {.max_batch_tokens = 0, .max_batch_size = -1}});
    FAIL("it was loaded");
  } catch (const InputError& error) {
    CHECK(error.problems().size() == 3);
  }
}

TEST_CASE("raw arrays give the outputs of the graph, or every reason why not") {
  const auto session = golden::load<TextClassification>();
  const auto values = ones(8);
  const std::span<const std::int64_t> span(values);
  const std::vector<Input> good = {
      {"input_ids", {2, 4}, span}, {"attention_mask", {2, 4}, span}, {"token_type_ids", {2, 4}, span}};
  CHECK(session.run(good).at("logits").shape.front() == 2);

  const auto told = [&](std::vector<Input> arrays) -> std::string {
    try {
      (void)session.run(arrays);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(told({good[0], good[1]}) ==
        "missing input \"token_type_ids\"; the inputs are input_ids, attention_mask, token_type_ids");
  CHECK(told({good[0], good[1], {"token_type_ids", {4, 2}, span}}) ==
        "batch is 2 in input_ids, 2 in attention_mask, 4 in token_type_ids, expected one size; "
        "sequence is 4 in input_ids, 4 in attention_mask, 2 in token_type_ids, expected one size");
  CHECK(told({good[0], good[1], {"token_type_ids", {2, 400}, span}}).starts_with("token_type_ids has 8 values"));
  CHECK(told({good[0], good[1], {"token_type_ids", {2, -4}, span}}).starts_with("token_type_ids has 8 values"));
  CHECK(told({good[0], good[1], {"token_type_ids", {8}, span}}) ==
        "token_type_ids is int64 of shape (8,), expected int64 of (batch, sequence)");
}

TEST_CASE("what the engine refuses comes back in its words, and the session goes on") {
  const auto session = golden::load<TextClassification>();
  const std::vector<std::int64_t> ids = {1'000'000};
  const auto values = ones(1);
  const std::vector<Input> arrays = {{"input_ids", {1, 1}, std::span<const std::int64_t>(ids)},
                                     {"attention_mask", {1, 1}, std::span<const std::int64_t>(values)},
                                     {"token_type_ids", {1, 1}, std::span<const std::int64_t>(values)}};
  try {
    (void)session.run(arrays);
    FAIL("an id outside the vocabulary was run");
  } catch (const BackendError& error) {
    CHECK(std::string(error.what()).starts_with("onnxruntime could not run the graph: [ONNXRuntimeError] : "));
  }
  CHECK(labels(session({.text = "a film"})).size() == 3);
}

TEST_CASE("a text is generated in parts that join to the whole") {
  const auto session = golden::load<TextGeneration>();
  const TextGenerationRequest request = {.prompt = "the", .settings = {.max_new_tokens = 6}};
  std::string told;
  session.stream(request, [&](std::string_view part) {
    told += part;
    return true;
  });
  CHECK(told == session(request).sequences.front().text);
}

TEST_CASE("a bundle with a target that nothing here runs is refused, never run elsewhere") {
  CHECK_THROWS_AS(golden::load<FillMask>({.target = "cuda"}), BackendError);
  CHECK_THROWS_WITH(golden::load<FillMask>({.target = "gpu"}),
                    "target \"gpu\" was asked for, but the bundle holds cpu; load one of these or export it again with "
                    "--target gpu");
}
