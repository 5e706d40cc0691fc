#include "decoders.h"

#include <utility>

#include "bert_runtime/utf8.h"
#include "pre_tokenizers/byte_level.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

using Value = nlohmann::json;

constexpr const char* kDecoders = "ByteLevel, Metaspace or WordPiece";

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

class SpaceDecoder : public Decoder {
 public:
  std::string join(std::span<const std::string_view> tokens) const override {
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) text += ' ';
      text += tokens[i];
    }
    return text;
  }
};

/// A token that begins with the prefix goes on with the word before; `cleanup` takes the spaces before punctuation and
/// shortened words away.
class WordPieceDecoder : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  std::string join(std::span<const std::string_view> tokens) const override {
    std::string text, token;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const bool continues = tokens[i].starts_with(prefix_);
      token = i == 0 || continues ? "" : " ";
      token += tokens[i].substr(i > 0 && continues ? prefix_.size() : 0);
      if (cleanup_) {
        for (const auto& [from, to] : kCleanup) replace_all(token, from, to);
      }
      text += token;
    }
    return text;
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

/// The bytes that characters stand for; what is no UTF-8 of them becomes U+FFFD, once for each beginning of a character
/// (The Unicode Standard, section 3.9: maximal subparts).
class ByteLevelDecoder : public Decoder {
 public:
  std::string join(std::span<const std::string_view> tokens) const override {
    std::string bytes;
    for (const std::string_view token : tokens) {
      if (!append_bytes(token, bytes)) bytes += token;
    }
    return readable(bytes);
  }

 private:
  static std::string readable(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
      const std::size_t broken = first_broken_utf8(bytes);
      text += bytes.substr(0, broken);
      if (broken == bytes.size()) break;
      unicode::append(text, 0xFFFD);
      bytes.remove_prefix(broken + subpart(bytes.substr(broken)));
    }
    return text;
  }

  /// How many bytes of what is no UTF-8 could begin a character: one at least.
  static std::size_t subpart(std::string_view rest) {
    const auto byte = [&](std::size_t i) { return i < rest.size() ? static_cast<unsigned char>(rest[i]) : 0U; };
    const auto is_next = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
    const unsigned first = byte(0), second = byte(1);
    if (!is_next(1) || first < 0xE0 || first > 0xF4) return 1;
    const bool fits = (first != 0xE0 || second >= 0xA0) && (first != 0xED || second < 0xA0) &&
                      (first != 0xF0 || second >= 0x90) && (first != 0xF4 || second < 0x90);
    if (!fits) return 1;
    return first >= 0xF0 && is_next(2) ? 3 : 2;
  }
};

/// A space for each replacement; the first token loses its own, where one was put before the text.
class MetaspaceDecoder : public Decoder {
 public:
  MetaspaceDecoder(std::string replacement, bool was_prepended)
      : replacement_(std::move(replacement)), was_prepended_(was_prepended) {}

  std::string join(std::span<const std::string_view> tokens) const override {
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string_view rest = tokens[i];
      for (std::size_t at = rest.find(replacement_); at != std::string_view::npos; at = rest.find(replacement_)) {
        text += rest.substr(0, at);
        if (i > 0 || !was_prepended_) text += ' ';
        rest.remove_prefix(at + replacement_.size());
      }
      text += rest;
    }
    return text;
  }

 private:
  std::string replacement_;
  bool was_prepended_;
};

std::unique_ptr<Decoder> metaspace_decoder(TokenizerFields& fields, const Value& part) {
  const std::string replacement = fields.text(part, "decoder", "replacement", 4);
  if (count_code_points(replacement) != 1) {
    fields.wrong("decoder", "replacement", member(part, "replacement"), "one character");
  }
  const Value& scheme = member(part, "prepend_scheme");
  if (!scheme.is_null() && scheme != "always" && scheme != "first" && scheme != "never") {
    fields.wrong("decoder", "prepend_scheme", scheme, "always, first or never");
  }
  if (!fields.boolean(part, "decoder", "add_prefix_space", true) && scheme != "never") {
    fields.problem("decoder.add_prefix_space is false, expected the prepend_scheme never");
  }
  fields.boolean(part, "decoder", "split", true);
  return std::make_unique<MetaspaceDecoder>(replacement, scheme != "never");
}

}  // namespace

std::unique_ptr<Decoder> read_decoder(TokenizerFields& fields, const nlohmann::json& part) {
  if (part.is_null()) return std::make_unique<SpaceDecoder>();
  const std::string type = kind(part);
  if (type == "WordPiece") {
    std::string prefix = fields.text(part, "decoder", "prefix");
    return std::make_unique<WordPieceDecoder>(std::move(prefix), fields.boolean(part, "decoder", "cleanup"));
  }
  if (type == "ByteLevel") {
    for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"})
      fields.boolean(part, "decoder", key, true);
    return std::make_unique<ByteLevelDecoder>();
  }
  if (type == "Metaspace") return metaspace_decoder(fields, part);
  fields.unknown("decoder", part, kDecoders);
  return nullptr;
}

}  // namespace bert_runtime
