#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/schedule.h"

using namespace bert_runtime;

namespace {

using Batches = std::vector<std::vector<std::size_t>>;

Features row(std::size_t length) {
  return {.ids = std::vector<std::int64_t>(length, 7),
          .type_ids = std::vector<std::int64_t>(length, 0),
          .mask = std::vector<std::int64_t>(length, 1)};
}

std::vector<const Features*> pointers(const std::vector<Features>& rows) {
  std::vector<const Features*> found;
  for (const Features& each : rows) found.push_back(&each);
  return found;
}

FloatArray floats(Shape shape, std::vector<float> values) {
  auto owner = std::make_shared<const std::vector<float>>(std::move(values));
  return {std::move(shape), *owner, owner};
}

}  // namespace

TEST_CASE("rows of similar length share a batch within the limits") {
  const std::vector<Features> rows = {row(5), row(2), row(4), row(2), row(9)};
  CHECK(plan(pointers(rows), {.max_batch_tokens = 8, .max_batch_size = 64}) == Batches{{4}, {0}, {2}, {1, 3}});
  CHECK(plan(pointers(rows), {.max_batch_tokens = 100, .max_batch_size = 2}) == Batches{{4}, {2, 0}, {1, 3}});
  CHECK(plan({}, {}).empty());
}

TEST_CASE("a row that would be mostly waited for runs apart") {
  CHECK(plan(pointers({row(100), row(384), row(384)}), {}) == Batches{{1, 2}, {0}});
  CHECK(plan(pointers({row(4), row(9), row(12)}), {}) == Batches{{0, 1, 2}});  // a few tokens are not worth a run
  CHECK(plan(pointers({row(100), row(384), row(384)}), {.max_padding = 0.5}) == Batches{{0, 1, 2}});
}

TEST_CASE("rows with another number of choices never share a batch") {
  Features choices = row(4);
  choices.choices = 2;
  CHECK(plan(pointers({row(2), choices, row(2)}), {}) == Batches{{1}, {0, 2}});
}

TEST_CASE("a batch is padded on the right, choice by choice") {
  Features first = {.ids = {1, 2, 3, 4}, .type_ids = {0, 0, 1, 1}, .mask = {1, 1, 1, 0}, .choices = 2};
  Features second = {
      .ids = {5, 6, 7, 8, 9, 10}, .type_ids = {0, 0, 0, 0, 0, 0}, .mask = {1, 1, 1, 1, 1, 1}, .choices = 2};
  const auto feeds = collate(pointers({first, second}), 99);
  CHECK(feeds.at("input_ids").shape == Shape{2, 2, 3});
  CHECK(std::get<0>(feeds.at("input_ids").values) == std::vector<std::int64_t>{1, 2, 99, 3, 4, 99, 5, 6, 7, 8, 9, 10});
  CHECK(std::get<0>(feeds.at("attention_mask").values) ==
        std::vector<std::int64_t>{1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1});
  CHECK_FALSE(feeds.contains("positions"));
}

TEST_CASE("each row gets its own outputs back, without what padding added") {
  std::vector<Features> rows = {row(1), row(2)};
  rows[0].positions = {{0}};
  rows[1].positions = std::vector<std::int64_t>{};
  const std::vector<TensorSpec> specs = {{"hidden", "float32", {"batch", "sequence", "hidden"}},
                                         {"words", "float32", {"batch", "masks"}}};
  const std::vector<FloatArray> outputs = {floats({2, 2, 2}, {1, 2, 0, 0, 3, 4, 5, 6}), floats({2, 1}, {7, 0})};
  const auto parts = split(outputs, specs, {{"hidden", 2}}, pointers(rows));
  const auto first = parts[0].at("hidden").values;
  CHECK(std::vector<float>(first.begin(), first.end()) == std::vector<float>{1, 2});
  CHECK(parts[0].at("hidden").shape == Shape{1, 2});
  CHECK(parts[1].at("hidden").shape == Shape{2, 2});
  CHECK(parts[0].at("words").values.size() == 1);
  CHECK(parts[1].at("words").values.empty());
}

TEST_CASE("an output of another shape than the manifest's is an error, not a read beyond it") {
  const std::vector<TensorSpec> specs = {{"logits", "float32", {"batch", "labels"}}};
  const std::vector<Features> rows = {row(1), row(1)};
  for (const Shape& shape : {Shape{1, 3}, Shape{2, 2}, Shape{2, 3, 1}, Shape{}}) {
    const std::vector<FloatArray> outputs = {floats(shape, std::vector<float>(6))};
    CHECK_THROWS_AS(split(outputs, specs, {{"labels", 3}}, pointers(rows)), BackendError);
  }
}

TEST_CASE("widths and tokens are round where they are to be multiples, and never beyond what the model takes") {
  const BatchLimits twenty = {.pad_to_multiple_of = 20};
  CHECK(width_of(1, 512, twenty) == 20);
  CHECK(width_of(201, 512, twenty) == 240);
  CHECK(width_of(201, 220, twenty) == 220);
  CHECK(width_of(201, 512, {}) == 201);
  const std::vector<Features> rows(21, row(10));
  std::vector<std::size_t> sizes;
  for (const auto& batch : plan(pointers(rows), {.pad_to_multiple_of = 2})) sizes.push_back(batch.size());
  CHECK(sizes == std::vector<std::size_t>{1, 4, 16});
  const auto feeds = collate(pointers({row(3), row(5)}), 99, 8);
  CHECK(feeds.at("input_ids").shape == Shape{2, 8});
  const std::vector<TensorSpec> specs = {{"logits", "float32", {"batch", "sequence"}}};
  const std::vector<FloatArray> outputs = {floats({2, 8}, std::vector<float>(16, 1))};
  const auto parts = split(outputs, specs, {}, pointers({row(3), row(5)}), 8);
  CHECK(parts[0].at("logits").shape == Shape{3});
  CHECK(parts[1].at("logits").shape == Shape{5});
}
