#include <doctest/doctest.h>

#include <filesystem>
#include <thread>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/text.h"
#include "tokenizer_record.h"

using bert_runtime::Pieces;
using bert_runtime::Span;
using bert_runtime::TextEncoder;

namespace {

TextEncoder tiny() {
  return TextEncoder::from_file(std::filesystem::path(BERT_RUNTIME_CASES) / "tiny_tokenizer.json",
                                bert_runtime::tiny_record(16));
}

bool same(const Pieces& a, const Pieces& b) {
  return a.ids == b.ids && a.offsets == b.offsets && a.bytes == b.bytes && a.words == b.words;
}

}  // namespace

TEST_CASE("a part of pieces cuts all four arrays, at the ends where it reaches beyond") {
  const Pieces pieces{{5, 6, 7}, {{0, 1}, {1, 2}, {3, 4}}, {{0, 2}, {2, 3}, {4, 6}}, {0, 0, 1}};
  const Pieces expected{{6, 7}, {{1, 2}, {3, 4}}, {{2, 3}, {4, 6}}, {0, 1}};
  CHECK(same(pieces.part({1, 9}), expected));
  CHECK(pieces.part({-4, 0}).empty());
  CHECK(pieces.part({2, 1}).empty());
}

TEST_CASE("a copy of an encoder outlives the first") {
  auto first = std::make_unique<TextEncoder>(tiny());
  const TextEncoder copy = *first;
  const Pieces before = first->pieces("[MASK] [SEP]");
  first.reset();
  CHECK(same(copy.pieces("[MASK] [SEP]"), before));
}

TEST_CASE("eight threads on one encoder find what one finds") {
  const TextEncoder encoder = tiny();
  const std::vector<std::string> texts{"", "[MASK]", "The Ship left. é\u0301 日本 [SEP]", std::string(500, 'x') + " a"};
  std::vector<Pieces> serial;
  for (const std::string& text : texts) serial.push_back(encoder.pieces(text));
  std::vector<int> wrong(8, 0);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 500; ++turn) {
        for (std::size_t i = 0; i < texts.size(); ++i) count += !same(encoder.pieces(texts[i]), serial[i]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(8, 0));
}

TEST_CASE("the message of a folder in place of a file names it") {
  CHECK_THROWS_AS((void)TextEncoder::from_file(BERT_RUNTIME_CASES, bert_runtime::tiny_record(16)),
                  bert_runtime::BundleError);
}
