// The cases that the Python and the C++ runtime share: tests/cases/*.json.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "heads.h"
#include "json_input.h"
#include "tasks/entities.h"
#include "tasks/json.h"
#include "tasks/question_answering/spans.h"
#include "tasks/tag_scheme.h"
#include "tasks/token_classification.h"
#include "tokenizer_record.h"

using namespace bert_runtime;

namespace {

const std::string kCases = BERT_RUNTIME_CASES;
const std::string kTokenizer = kCases + "/tiny_tokenizer.json";

/// Equal structures, numbers within 1e-6; "" or where they differ.
std::string difference(const Json& got, const Json& expected, const std::string& at = "") {
  const std::string both = at + ": got " + got.dump() + ", expected " + expected.dump();
  if (expected.is_number_float()) {
    return got.is_number() && std::abs(got.get<double>() - expected.get<double>()) <= 1e-6 ? "" : both;
  }
  if (got.type() != expected.type() && !(got.is_number_integer() && expected.is_number_integer())) return both;
  if (!expected.is_structured()) return got == expected ? "" : both;
  if (got.size() != expected.size()) return both;
  auto one = got.items().begin();
  for (const auto& other : expected.items()) {
    if (expected.is_object() && one.key() != other.key()) return both;
    const std::string found = difference(one.value(), other.value(), at + "/" + other.key());
    if (!found.empty()) return found;
    ++one;
  }
  return "";
}

/// The list under `key` of a file of cases: a value, since a loop over a part of a temporary would outlive it.
Json cases(const std::string& file, const char* key) {
  Json list = json_file(kCases + "/" + file + ".json").at(key);
  REQUIRE(!list.empty());
  return list;
}

Span span_of(const Json& pair) { return {pair[0].get<std::int64_t>(), pair[1].get<std::int64_t>()}; }

std::vector<Span> spans_of(const Json& pairs) {
  std::vector<Span> spans;
  for (const Json& pair : pairs) spans.push_back(span_of(pair));
  return spans;
}

/// Pieces with offsets in characters and bytes; their ids are of no account.
Pieces pieces_of(const std::string& text, const Json& offsets, const Json& words) {
  Pieces pieces;
  pieces.offsets = spans_of(offsets);
  pieces.words = words.get<std::vector<std::int64_t>>();
  pieces.ids.assign(pieces.words.size(), 0);
  for (const Span& span : pieces.offsets) {
    const std::string_view part = code_points(text, span);
    const auto begin = part.data() - text.data();
    pieces.bytes.push_back({begin, begin + static_cast<std::int64_t>(part.size())});
  }
  return pieces;
}

/// Byte offsets cut the same text that character offsets do.
void check_bytes(const std::string& text, std::int64_t start, std::int64_t end, Span bytes, const std::string& part) {
  CHECK(text.substr(static_cast<std::size_t>(bytes.begin), static_cast<std::size_t>(bytes.size())) == part);
  CHECK(code_points(text, {start, end}) == part);
}

/// The case's tokenizer, tiny_tokenizer.json unless it names another of tests/cases.
std::string file_of(const Json& record) {
  const Json tokenizer = record.value("tokenizer", Json::object());
  return std::string(BERT_RUNTIME_CASES) + "/" + tokenizer.value("file", "tiny_tokenizer.json");
}

TokenizerRecord tokenizer_of(const Json& record) {
  return record_of(record.value("tokenizer", Json::object()), tiny_record(record.at("max_length").get<std::int64_t>()));
}

}  // namespace

TEST_CASE("a shared case gives its rows and its result or error") {
  for (const char* task : {"fill-mask", "pretraining", "next-sentence-prediction", "multiple-choice",
                           "feature-extraction", "text-generation"}) {
    std::string file = task;
    for (char& c : file) c = c == '-' ? '_' : c;
    for (const Json& record : cases(file, "cases")) {
      CAPTURE(task);
      CAPTURE(record.at("name").get<std::string>());
      const HeadQuestion question = {task,
                                     file_of(record),
                                     tokenizer_of(record),
                                     record.at("settings"),
                                     record.at("request"),
                                     record.value("outputs", Json::array())};
      try {
        const HeadAnswer answer = ask_head(question);
        REQUIRE(!record.contains("error"));
        CHECK(difference(answer.features, record.at("features")) == "");
        CHECK(difference(answer.result, record.at("result")) == "");
      } catch (const BertError& error) {
        REQUIRE(record.contains("error"));
        Json found = error_of(error);
        const auto message = found.at("message").get<std::string>();
        CHECK((message.find("expected") != std::string::npos || message.find("the fields are") != std::string::npos));
        found.erase("message");
        CHECK(found == record.at("error"));
      }
    }
  }
}

TEST_CASE("a shared question-answering case decodes to its answers or its error") {
  const QuestionAnsweringHead head(TextEncoder::from_file(kTokenizer, tiny_record(512)), {});
  for (const Json& record : cases("question_answering", "cases")) {
    CAPTURE(record.at("name").get<std::string>());
    const auto request = request_from_json<QuestionAnswering>(record.at("request"));
    const Pieces pieces = pieces_of(request.context, record.at("offsets"), record.at("words"));
    const AnswerPlaces places = answer_places(request.context, pieces, request.align_to_words);
    QuestionAnsweringEncoded encoded;
    encoded.characters = places.characters;
    encoded.bytes = places.bytes;
    std::vector<Outputs> outputs;
    for (const Json& window : record.at("windows")) {
      encoded.windows.push_back({span_of(window.at("row")), span_of(window.at("pieces"))});
      outputs.emplace_back();
      for (const char* name : {"start_logits", "end_logits"}) outputs.back().emplace(name, array_of(window.at(name)));
    }
    if (record.contains("error")) {
      CHECK_THROWS_AS(head.decode(request, encoded, outputs), BackendError);
      continue;
    }
    const QuestionAnsweringResult result = head.decode(request, encoded, outputs);
    Json got = result_to_json<QuestionAnswering>(result);
    got.erase("question_truncated");
    CHECK(difference(got, record.at("expected")) == "");
    for (const Answer& answer : result.answers) {
      check_bytes(request.context, answer.start, answer.end, answer.bytes, answer.text);
    }
  }
}

TEST_CASE("shared logits of tokens give their entities") {
  for (const Json& record : cases("token_classification", "decode")) {
    CAPTURE(record.at("name").get<std::string>());
    const std::vector<Tag> tags = read_tags(record.at("labels").get<std::vector<std::string>>());
    const auto text = record.at("text").get<std::string>();
    const Pieces pieces = pieces_of(text, record.at("offsets"), record.at("words"));
    const FloatArray logits = array_of(record.at("logits"));
    const auto ignored = record.at("ignore_labels").get<std::vector<std::string>>();
    Json got = Json::array();
    const auto aggregation = record.at("aggregation").get<std::string>();
    for (const Entity& entity : entities({text, pieces, logits.values, tags}, aggregation)) {
      if (std::find(ignored.begin(), ignored.end(), entity.label) != ignored.end()) continue;
      got.push_back(result_to_json<TokenClassification>({{entity}}).at("entities")[0]);
      check_bytes(text, entity.start, entity.end, entity.bytes, entity.text);
    }
    CHECK(difference(got, record.at("entities")) == "");
  }
}

TEST_CASE("shared label sets are read as the tags that they are") {
  for (const Json& record : cases("token_classification", "tags")) {
    CAPTURE(record.at("name").get<std::string>());
    Json got = Json::object();
    for (const Tag& tag : read_tags(record.at("labels").get<std::vector<std::string>>())) {
      if (tag.kind == tag.label) continue;
      got[tag.label] = Json::array({tag.kind, tag.begins, tag.ends});
    }
    CHECK(difference(got, record.at("tags")) == "");
  }
}

TEST_CASE("shared windows merge into their sequence") {
  for (const Json& record : cases("token_classification", "merge")) {
    CAPTURE(record.at("name").get<std::string>());
    std::vector<FloatArray> arrays;
    std::vector<std::span<const float>> parts;
    for (const Json& part : record.at("parts")) arrays.push_back(array_of(part));
    for (const FloatArray& array : arrays) parts.push_back(array.values);
    const FloatArray merged = array_of(record.at("merged"));
    const std::vector<float> expected(merged.values.begin(), merged.values.end());
    CHECK(merge(spans_of(record.at("windows")), parts, 1) == expected);
  }
}

TEST_CASE("shared logits of a text give its labels or values") {
  for (const Json& record : cases("text_classification", "decode")) {
    CAPTURE(record.at("name").get<std::string>());
    const Json settings = {{"labels", record.at("labels")},
                           {"problem_type", record.at("problem_type")},
                           {"activation", record.value("activation", Json())}};
    Json request = {{"text", "hello"}, {"top_k", record.at("top_k")}, {"threshold", record.at("threshold")}};
    request.update(record.value("request", Json::object()));
    const HeadQuestion question = {"text-classification",
                                   kTokenizer,
                                   tiny_record(512),
                                   settings,
                                   request,
                                   Json::array({{{"logits", record.at("logits")}}})};
    const Json got = ask_head(question).result;
    for (const auto& [key, expected] : record.at("result").items()) {
      Json pairs = Json::array();
      for (const Json& label : got.at(key)) {
        const char* number = label.contains("score") ? "score" : "value";
        pairs.push_back(Json::array({label.at("label"), label.at(number)}));
      }
      CHECK(difference(pairs, expected) == "");
    }
  }
}
