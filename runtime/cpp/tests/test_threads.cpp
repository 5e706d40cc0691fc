#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "golden.h"

using namespace bert_runtime;

namespace {

constexpr std::size_t kThreads = 8;

/// BERT_RUNTIME_THREAD_SECONDS, or 2.
std::chrono::seconds duration() {
  const char* given = std::getenv("BERT_RUNTIME_THREAD_SECONDS");
  return std::chrono::seconds(given ? std::atoi(given) : 2);
}

std::vector<QuestionAnsweringRequest> questions() {
  std::vector<QuestionAnsweringRequest> made;
  for (int i = 0; i < 24; ++i) {
    std::string context = "Anna lives in Hamburg.";
    for (int k = 0; k < i; ++k) context += " Sentence " + std::to_string(k) + " says little.";
    made.push_back({.question = "Where does Anna live, question " + std::to_string(i) + "?", .context = context});
  }
  return made;
}

bool are_equal(const QuestionAnsweringResult& left, const QuestionAnsweringResult& right) {
  if (left.answers.size() != right.answers.size()) return false;
  for (std::size_t i = 0; i < left.answers.size(); ++i) {
    if (left.answers[i].text != right.answers[i].text || left.answers[i].score != right.answers[i].score) return false;
  }
  return true;
}

std::vector<TextGenerationRequest> continuations() {
  std::vector<TextGenerationRequest> made;
  for (std::int64_t i = 0; i < 12; ++i) {
    GenerationSettings settings = {.max_new_tokens = 3 + i % 4, .num_beams = 1 + i % 3, .repetition_penalty = 1.3};
    if (i % 4 == 3) settings = {.max_new_tokens = 5, .do_sample = true, .seed = i, .num_return_sequences = 2};
    made.push_back({.prompt = "the", .settings = settings, .encoder_text = "film number " + std::to_string(i)});
  }
  return made;
}

bool are_equal(const TextGenerationResult& left, const TextGenerationResult& right) {
  return std::ranges::equal(left.sequences, right.sequences, [](const GeneratedText& one, const GeneratedText& other) {
    return one.token_ids == other.token_ids && one.score == other.score;
  });
}

/// Eight threads ask one session for `time`; every answer must be what one thread was told.
template <class Session, class Request>
void check_threads(const Session& session, const std::vector<Request>& asked, std::chrono::milliseconds time) {
  std::vector<typename Session::Result> expected;
  for (const auto& question : asked) expected.push_back(session(question));

  std::atomic<std::int64_t> answered = 0;
  std::atomic<std::int64_t> wrong = 0;
  const auto end = std::chrono::steady_clock::now() + time;
  const auto work = [&](std::size_t first) {
    for (std::size_t i = first; std::chrono::steady_clock::now() < end; ++i) {
      const std::size_t n = i % asked.size();
      wrong += !are_equal(session(asked[n]), expected[n]);
      ++answered;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back(work, 3 * i);
  for (std::thread& thread : threads) thread.join();

  CHECK(wrong == 0);
  CHECK(answered > static_cast<std::int64_t>(2 * kThreads));
  MESSAGE(answered.load(), " answers by ", kThreads, " threads");
}

}  // namespace

TEST_CASE("eight threads on one session answer as one thread does") {
  check_threads(golden::load<QuestionAnswering>(), questions(), duration());
}

TEST_CASE("eight threads on one decoder and its encoder answer as one thread does") {
  const Options options = {.threads = 1, .encoder = golden::path("feature-extraction")};
  const auto session = load<TextGeneration>(golden::path(golden::kFromSource), options);
  check_threads(session, continuations(), std::chrono::milliseconds(duration()) / 3);
}
