#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "golden.h"
#include "item_failure.h"

using namespace bert_runtime;

namespace {

using Classes = Session<TextClassification>;
using Asked = std::optional<ItemAnswer<Classes::Request>>;

/// The golden bundle's engine, which refuses batches with one token, answers another with NaN, or runs nothing at all.
class Spoilt final : public Engine {
 public:
  Spoilt(std::shared_ptr<const Engine> real, std::int64_t refused, std::int64_t not_a_number)
      : real_(std::move(real)), refused_(refused), not_a_number_(not_a_number) {}

  [[nodiscard]] const std::string& name() const override { return real_->name(); }

  [[nodiscard]] std::vector<FloatArray> run(std::span<const Input> feeds,
                                            std::span<const std::string> fetch) const override {
    ++runs;
    const auto ids = std::get<std::span<const std::int64_t>>(feeds[0].values);
    if (is_lost || std::ranges::find(ids, refused_) != ids.end()) throw BackendError("refused");
    auto outputs = real_->run(feeds, fetch);
    const auto width = static_cast<std::size_t>(feeds[0].shape[1]);
    std::vector<float> values(outputs[0].values.begin(), outputs[0].values.end());
    const std::size_t labels = values.size() / static_cast<std::size_t>(feeds[0].shape[0]);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] == not_a_number_) values[i / width * labels] = std::numeric_limits<float>::quiet_NaN();
    }
    outputs[0] = FloatArray::owning(outputs[0].shape, std::move(values));
    return outputs;
  }

  void run_into(std::span<const Input> feeds, std::span<const Output> outputs) const override {
    real_->run_into(feeds, outputs);
  }

  mutable std::int64_t runs = 0;
  bool is_lost = false;

 private:
  std::shared_ptr<const Engine> real_;
  std::int64_t refused_;
  std::int64_t not_a_number_;
};

struct Made {
  std::shared_ptr<Spoilt> engine;
  Classes session;
};

/// "." is refused, and "z" gives NaN.
Made spoilt() {
  SessionParts parts = start(golden::path("text-classification"), TextClassification::task(), {.threads = 1});
  const auto id = [&](const char* token) { return parts.text.token_id(token).value(); };
  auto engine = std::make_shared<Spoilt>(parts.engine, id("."), id("z"));
  parts.engine = engine;
  return {engine, Classes(std::move(parts))};
}

std::vector<Classes::Request> texts(const std::vector<std::string>& given) {
  std::vector<Classes::Request> made;
  for (const std::string& text : given) made.push_back({.text = text});
  return made;
}

}  // namespace

TEST_CASE("what the engine refuses or answers with NaN is the item's own error, and names its index") {
  const Made made = spoilt();
  const auto answers = made.session.predict(texts({"a film", "z", "bad", "a .", "good", "\xff"}));
  REQUIRE(answers.size() == 6);
  for (const std::size_t i : {0, 2, 4}) CHECK(error_of<Classes::Result>(answers[i]) == nullptr);
  CHECK(std::get<BackendError>(answers[1]).index() == 1);
  CHECK(std::string(std::get<BackendError>(answers[1]).what()).starts_with("request 1: "));
  CHECK(std::string(std::get<BackendError>(answers[3]).what()) == "request 3: refused");
  CHECK(std::get<InputError>(answers[5]).index() == 5);
}

TEST_CASE("an engine that runs nothing any more ends the stream, and is not asked again for each item") {
  const Made made = spoilt();
  std::int64_t answered = 0;
  std::int64_t given = 0;
  const Classes::Source source = [&]() -> Asked {
    made.engine->is_lost = given > 300;
    return Classes::Request{.text = "film " + std::to_string(given++)};
  };
  CHECK_THROWS_WITH_AS(made.session.predict(source, [&](Classes::Answer) { ++answered; }), "refused", BackendError);
  CHECK(answered == 257);
  CHECK(made.engine->runs < 300);
}

TEST_CASE("the first request is answered before the next is read") {
  const auto session = golden::load<TextClassification>();
  int given = 0;
  int answered = 0;
  const Classes::Source source = [&]() -> Asked {
    if (given == 1) CHECK(answered == 1);
    if (given == 300) return std::nullopt;
    return Classes::Request{.text = std::to_string(given++)};
  };
  session.predict(source, [&](Classes::Answer) { ++answered; });
  CHECK(answered == 300);
}

TEST_CASE("a source that waits for each answer gets it where it tells that it waits") {
  const auto session = golden::load<TextClassification>();
  int given = 0;
  int answered = 0;
  const Classes::Source source = [&]() -> Asked {
    CHECK(answered == given);
    if (given == 5) return std::nullopt;
    return Classes::Request{.text = std::to_string(given++)};
  };
  session.predict(source, [&](Classes::Answer) { ++answered; }, [] { return true; });
  CHECK(answered == 5);
}

TEST_CASE("a failure of any kind that a source gives in a request's place is that request's own") {
  const auto session = golden::load<TextClassification>();
  std::vector<Asked> given = {Classes::Request{.text = "a film"}, InternalError("lost"), BackendError("no memory"),
                              Classes::Request{.text = "bad"}, std::nullopt};
  auto next = given.begin();
  std::vector<Classes::Answer> answers;
  session.predict([&] { return *next++; }, [&](Classes::Answer answer) { answers.push_back(std::move(answer)); });
  REQUIRE(answers.size() == 4);
  CHECK(std::string(std::get<InternalError>(answers[1]).what()) == "request 1: lost");
  CHECK(std::string(std::get<BackendError>(answers[2]).what()) == "request 2: no memory");
  CHECK(std::holds_alternative<Classes::Result>(answers[3]));
}

TEST_CASE("what making an answer's other form throws is that answer's error, with its index") {
  const ItemAnswer<int> answer = 5;
  const auto broken = [](int) -> std::string { throw std::length_error("too long"); };
  const ItemAnswer<std::string> made = converted<std::string>(answer, 7, broken);
  CHECK(std::string(std::get<InternalError>(made).what()).starts_with("request 7: too long; this is a fault of"));
  CHECK(std::get<std::string>(converted<std::string>(answer, 7, [](int n) { return std::to_string(n); })) == "5");
}

TEST_CASE("long requests are answered before so many are read that they fill the memory") {
  SessionParts parts = start(golden::path("question-answering"), QuestionAnswering::task(), {.threads = 1});
  const Session<QuestionAnswering> session(std::move(parts));
  std::string context = "the film";
  while (context.size() < 400'000) context += " " + context;
  const QuestionAnsweringRequest request = {.question = "who", .context = context};
  std::int64_t read = 0;
  std::int64_t answered = 0;
  std::int64_t most = 0;
  const Session<QuestionAnswering>::Source source = [&]() -> std::optional<ItemAnswer<QuestionAnsweringRequest>> {
    if (read == 12) return std::nullopt;
    most = std::max(most, ++read - answered);
    return request;
  };
  session.predict(source, [&](const auto& answer) { answered += error_of(answer) == nullptr; }, [] { return false; });
  CHECK(answered == 12);
  CHECK(most < 12);
}

TEST_CASE("a forked copy is refused at once, and the session goes on") {
  const auto session = golden::load<TextClassification>({.threads = 2});
  CHECK(std::holds_alternative<Classes::Result>(session.predict(texts({"a film"}))[0]));
  const pid_t child = fork();
  if (child == 0) {
    int code = 1;
    try {
      (void)session({.text = "a film"});
    } catch (const BackendError& error) {
      code = std::string(error.what()).find("load the bundle after the fork") == std::string::npos;
    }
    _exit(code);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(std::holds_alternative<Classes::Result>(session.predict(texts({"a film"}))[0]));
}
