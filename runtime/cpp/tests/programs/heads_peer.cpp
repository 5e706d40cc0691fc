// Answers JSON lines about heads, requests and searches, so that a test in Python can compare with the Python runtime:
//     heads_peer < questions > answers
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "../heads.h"
#include "../json_input.h"
#include "../tokenizer_record.h"
#include "bert_runtime/errors.h"
#include "generation/random.h"
#include "generation/search.h"
#include "tasks/json.h"
#include "tasks/scores.h"

using namespace bert_runtime;

namespace {

/// {"task", "tokenizer", "record", "settings", "request", "outputs"} -> {"features", "result"}.
Json decode(const Json& question) {
  const HeadQuestion asked = {question.at("task").get<std::string>(),
                              question.at("tokenizer").get<std::string>(),
                              record_of(question.at("record")),
                              question.at("settings"),
                              question.at("request"),
                              question.at("outputs")};
  const HeadAnswer answer = ask_head(asked);
  return {{"features", answer.features}, {"result", answer.result}};
}

/// A search that one line starts and others advance.
class SearchPeer {
 public:
  /// {"ids", "eos_id", "settings"}: another search.
  Json start(const Json& question) {
    Json record = question.at("settings");
    record["prompt"] = "";
    search_.reset();
    request_ = request_from_json<TextGeneration>(record);
    prompt_.ids = question.at("ids").get<std::vector<std::int64_t>>();
    prompt_.eos_id = question.at("eos_id").get<std::int64_t>();
    search_ = make_search(prompt_, request_.settings);
    return Json::object();
  }

  /// {"logits": [[...]]} -> {"tokens", "sources", "continuations"}.
  Json advance(const Json& question) {
    const FloatArray logits = array_of(question.at("logits"));
    const Step step = search_->advance({logits.values, static_cast<std::size_t>(logits.shape[1])});
    Json found = Json::array();
    for (const Continuation& each : search_->continuations()) {
      found.push_back(Json::array({each.ids, each.score ? Json(*each.score) : Json(nullptr)}));
    }
    return {{"tokens", step.tokens}, {"sources", step.sources}, {"continuations", found}};
  }

 private:
  TextGenerationRequest request_;
  Prompt prompt_;
  std::unique_ptr<Search> search_;
};

/// {"seed", "child", "count"} -> numbers.
Json numbers(const Json& question) {
  Random random(question.at("seed").get<std::int64_t>(), question.at("child").get<std::uint32_t>());
  Json found = Json::array();
  for (std::int64_t i = 0; i < question.at("count").get<std::int64_t>(); ++i) found.push_back(random.next());
  return found;
}

/// {"values", "float32"} -> their sum.
Json sum(const Json& question) {
  const FloatArray values = array_of(question.at("values"));
  if (question.at("float32").get<bool>()) return static_cast<double>(pairwise_sum(values.values));
  const std::vector<double> doubles(values.values.begin(), values.values.end());
  return pairwise_sum<double>(doubles);
}

Json answer(const Json& question, SearchPeer& search) {
  const auto op = question.at("op").get<std::string>();
  if (op == "decode") return decode(question);
  if (op == "start") return search.start(question);
  if (op == "advance") return search.advance(question);
  if (op == "numbers") return numbers(question);
  if (op == "sum") return sum(question);
  check_request(question.at("task").get<std::string>(), question.at("record"));
  return Json::object();
}

}  // namespace

int main() {
  SearchPeer search;
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << dumps(answer(json_of(line), search)) << std::endl;
    } catch (const BertError& error) {
      std::cout << dumps({{"error", error_of(error)}}) << std::endl;
    }
  }
}
