#include <doctest/doctest.h>

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

}  // namespace

TEST_CASE("eight threads on one session answer as one thread does") {
  const auto session = golden::load<QuestionAnswering>();
  const auto asked = questions();
  std::vector<QuestionAnsweringResult> expected;
  for (const auto& question : asked) expected.push_back(session(question));

  std::atomic<std::int64_t> answered = 0;
  std::atomic<std::int64_t> wrong = 0;
  const auto end = std::chrono::steady_clock::now() + duration();
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
