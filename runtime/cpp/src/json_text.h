// JSON text as Python's json module reads and writes it: the same values, the same errors, the same bytes.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bert_runtime {

/// JSON whose objects keep their order. An integer beyond 64 bits is a `binary` value that holds its digits: JSON text
/// has no other way to give one. Strings may hold lone surrogates, each in the three bytes of its code point.
using Json = nlohmann::ordered_json;

/// What JSON text may hold beyond its grammar; each function may throw, and what it throws leaves `parse` as it is.
struct JsonLimits {
  std::function<void(std::string_view text)> constant;  ///< NaN, Infinity and -Infinity; must throw.
  std::function<void(std::string_view text)> overflow;  ///< A number that no finite double holds; must throw.
  std::function<void(std::string_view text)> integer;   ///< Every integer as it is written.
  std::function<void(const std::string& key)>
      repeated;  ///< The key that an object holds most often, if more than once.
};

/// Text that is no JSON; the message is that of Python's JSONDecodeError: what, line, column and character.
class JsonSyntaxError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Lists and objects nested deeper than the parser follows (kDeepestJson levels).
class JsonDepthError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline constexpr int kDeepestJson = 900;

/// The value that `text`, valid UTF-8, stands for; of a repeated key the last value counts.
///
/// `depth`, if given, becomes the deepest nesting. Throws JsonSyntaxError, JsonDepthError, and what the limits throw.
/// J is Json, or nlohmann::json where objects are large and looked up by key.
template <class J>
[[nodiscard]] J parse_json(std::string_view text, const JsonLimits& limits, int* depth = nullptr);

extern template nlohmann::json parse_json(std::string_view, const JsonLimits&, int*);
extern template Json parse_json(std::string_view, const JsonLimits&, int*);

/// JSON on one line as `json.dumps(value, ensure_ascii=False)` writes it, numbers with every digit they need; a lone
/// surrogate is written as its escape. Throws InputError for a number that is not finite.
[[nodiscard]] std::string dumps(const Json& value);

/// Text that is written outside JSON: a lone surrogate, which a broken request may hold, as its escape.
[[nodiscard]] std::string encodable(std::string_view text);

}  // namespace bert_runtime
