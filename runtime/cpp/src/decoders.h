// From tokens back to text, as the tokenizers library's decoders do it.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "tokenizer_fields.h"

namespace bert_runtime {

/// How tokens are joined. Never changes after it is made; safe in threads.
class Decoder {
 public:
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;

  [[nodiscard]] virtual std::string join(std::span<const std::string_view> tokens) const = 0;
};

/// Reads a decoder; null means that a space stands between any two tokens. Notes what is none that is known.
[[nodiscard]] std::unique_ptr<Decoder> read_decoder(TokenizerFields& fields, const nlohmann::json& part);

}  // namespace bert_runtime
