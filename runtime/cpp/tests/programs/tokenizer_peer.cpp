// Answers JSON lines about one tokenizer.json, so that a test in Python can compare with the tokenizers library:
// RECORD is what a manifest says of it, as JSON.
//     tokenizer_peer TOKENIZER.json RECORD < questions > answers
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "../json_input.h"
#include "../tokenizer_record.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/text.h"
#include "lower_case.h"

namespace {

using bert_runtime::Pieces;
using bert_runtime::Span;
using bert_runtime::TextEncoder;
using nlohmann::json;

json faults(const bert_runtime::BertError& error) {
  json found = json::array();
  for (const bert_runtime::Problem& each : error.problems()) found.push_back(json::array({each.code, each.field}));
  return found;
}

json spans(const std::vector<Span>& all) {
  json flat = json::array();
  for (const Span& span : all) {
    flat.push_back(span.begin);
    flat.push_back(span.end);
  }
  return flat;
}

json encode(const TextEncoder& encoder, const std::string& text) {
  const Pieces pieces = encoder.pieces(text);
  return {
      {"ids", pieces.ids}, {"offsets", spans(pieces.offsets)}, {"bytes", spans(pieces.bytes)}, {"words", pieces.words}};
}

json row(const TextEncoder& encoder, const std::string& first, const json& second) {
  if (second.is_null()) {
    const auto made = encoder.row(encoder.truncate(encoder.pieces(first)));
    return {{"ids", made.ids}, {"type_ids", made.type_ids}, {"first", spans({made.first})}};
  }
  const auto [kept, kept_second] = encoder.truncate(encoder.pieces(first), encoder.pieces(second.get<std::string>()));
  const auto made = encoder.row(kept, &kept_second);
  return {{"ids", made.ids},
          {"type_ids", made.type_ids},
          {"first", spans({made.first})},
          {"second", spans({made.second.value()})}};
}

std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

json facts(const TextEncoder& encoder) {
  const auto& tokens = encoder.special_tokens();
  return {{"single", tokens.single},
          {"pair", tokens.pair},
          {"room", encoder.room()},
          {"pair_room", encoder.room(true)},
          {"mask_token", encoder.mask_token()},
          {"size", encoder.vocabulary_size()}};
}

json answer(const TextEncoder& encoder, const json& question) {
  const std::string verb = question.at("verb");
  if (verb == "encode") return encode(encoder, question.at("text"));
  if (verb == "bytes") return encode(encoder, from_hex(question.at("hex")));
  if (verb == "row") return row(encoder, question.at("first"), question.at("second"));
  if (verb == "facts") return facts(encoder);
  if (verb == "lower") return bert_runtime::lower_case(question.at("text").get<std::string>()).text;
  if (verb == "token") return encoder.token(question.at("id").get<std::int64_t>());
  if (verb == "token_id") return encoder.token_id(question.at("token").get<std::string>()).value_or(-1);
  if (verb == "windows")
    return spans(encoder.windows(question.at("length"), question.at("room"), question.at("stride")));
  return encoder.decode(question.at("ids").get<std::vector<std::int64_t>>(), question.at("skip").get<bool>());
}

json guarded(const TextEncoder& encoder, const json& question) {
  try {
    return answer(encoder, question);
  } catch (const bert_runtime::InputError& error) {
    return {{"input_error", faults(error)}, {"message", error.what()}};
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return std::cerr << "usage: tokenizer_peer TOKENIZER.json RECORD\n", 2;
  try {
    const TextEncoder encoder =
        TextEncoder::from_file(arguments[1], bert_runtime::record_of(bert_runtime::json_of(arguments[2])));
    for (std::string line; std::getline(std::cin, line);) std::cout << guarded(encoder, json::parse(line)) << '\n';
  } catch (const bert_runtime::BundleError& error) {
    return std::cout << json{{"bundle_error", faults(error)}, {"message", error.what()}} << '\n', 0;
  } catch (const std::exception& error) {
    return std::cerr << "not an error of ours: " << error.what() << '\n', 1;
  }
  return 0;
}
