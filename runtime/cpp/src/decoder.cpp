#include "decoder.h"

#include <utility>

namespace bert_runtime {
namespace {

/// What is replaced in each token, in this order: the rules of transformers' `clean_up_tokenization`.
constexpr std::pair<std::string_view, std::string_view> kCleanup[] = {
    {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
    {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string Decoder::join(std::span<const std::string_view> tokens) const {
  std::string text, token;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const bool continues = wordpiece && tokens[i].starts_with(prefix);
    token = i == 0 || continues ? "" : " ";
    token += tokens[i].substr(i > 0 && continues ? prefix.size() : 0);
    if (wordpiece && cleanup) {
      for (const auto& [from, to] : kCleanup) replace_all(token, from, to);
    }
    text += token;
  }
  return text;
}

}  // namespace bert_runtime
