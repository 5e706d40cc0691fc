// How long the C++ tokenizer takes, for benchmarks/tokenise.py:
//     tokenizer_speed TOKENIZER.json
// Each line of input is {"text": ..., "milliseconds": N}; the answer tells how many pieces there are
// and the CPU microseconds of each call.
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/text.h"

namespace {

/// Microseconds of CPU time of this thread.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

nlohmann::json race(const bert_runtime::TextEncoder& encoder, const std::string& text, double microseconds) {
  std::ignore = encoder.pieces(text);
  const std::int64_t pieces = encoder.pieces(text).size();
  std::vector<double> calls;
  for (const double start = now(); calls.empty() || now() - start < microseconds;) {
    const double before = now();
    const bert_runtime::Pieces found = encoder.pieces(text);
    calls.push_back(now() - before);
    if (found.size() != pieces) throw std::logic_error("the same text gave another number of pieces");
  }
  return {{"pieces", pieces}, {"microseconds", calls}};
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return std::cerr << "usage: tokenizer_speed TOKENIZER.json\n", 2;
  try {
    const auto encoder =
        bert_runtime::TextEncoder::from_file(arguments[1], {.file = "tokenizer.json", .max_length = 512, .pad_id = 0});
    for (std::string line; std::getline(std::cin, line);) {
      const auto asked = nlohmann::json::parse(line);
      std::cout << race(encoder, asked.at("text"), asked.at("milliseconds").get<double>() * 1000) << std::endl;
    }
  } catch (const std::exception& error) {
    return std::cerr << error.what() << '\n', 1;
  }
  return 0;
}
