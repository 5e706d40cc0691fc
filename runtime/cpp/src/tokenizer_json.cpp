#include "tokenizer_json.h"

#include "bert_runtime/errors.h"
#include "format_limits.h"
#include "normalizers/read_normalizer.h"
#include "pre_tokenizers/read_pre_tokenizer.h"
#include "strict_json.h"

namespace bert_runtime {
namespace {

using Value = nlohmann::json;

std::vector<AddedToken> added_tokens(TokenizerFields& fields, const Value& list) {
  std::vector<AddedToken> tokens;
  if (!list.is_array()) return fields.problem("added_tokens is " + as_shown(list) + ", expected a list"), tokens;
  if (list.size() > kMostAddedTokens) {
    fields.problem("added_tokens has " + std::to_string(list.size()) + " tokens, expected at most " +
                   std::to_string(kMostAddedTokens));
    return tokens;
  }
  for (const Value& record : list) {
    const std::string where = "added_tokens[" + std::to_string(tokens.size()) + "]";
    tokens.push_back({fields.id(member(record, "id"), where + ".id"),
                      fields.text(record, where, "content", kLongestAddedToken),
                      fields.boolean(record, where, "single_word"), fields.boolean(record, where, "lstrip"),
                      fields.boolean(record, where, "rstrip"), fields.boolean(record, where, "normalized"),
                      fields.boolean(record, where, "special")});
  }
  return tokens;
}

}  // namespace

TokenizerFile read_tokenizer_file(std::string_view content, std::string_view name) {
  const Value root = strict_loads(content, name);
  TokenizerFields fields;
  TokenizerFile file;
  if (!root.is_object()) fields.problem("is " + as_shown(root) + ", expected a tokenizer.json");
  const Value& version = root.is_object() && root.contains("version") ? root["version"] : Value("1.0");
  if (version != "1.0") fields.problem("the tokenizer's version is " + as_shown(version) + ", expected 1.0");
  const Value& model = member(root, "model");
  file.make_model = read_model(fields, model);
  file.normalizer = read_normalizer(fields, member(root, "normalizer"));
  file.pre_tokenizer = read_pre_tokenizer(fields, member(root, "pre_tokenizer"), member(model, "type") != "WordPiece");
  file.post_processing = read_post_processor(fields, member(root, "post_processor"));
  file.decoder = read_decoder(fields, member(root, "decoder"));
  if (root.is_object() && root.contains("added_tokens")) file.added_tokens = added_tokens(fields, root["added_tokens"]);
  fields.raise(name);
  return file;
}

}  // namespace bert_runtime
