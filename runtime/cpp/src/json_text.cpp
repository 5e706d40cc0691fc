#include "json_text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bert_runtime/utf8.h"
#include "json_number.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// The grammar of CPython's scanner, function by function, so that every error stands at the same place.
template <class J>
class Parser {
 public:
  Parser(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  J whole() {
    if (text_.starts_with("\xef\xbb\xbf")) fail("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0);
    skip_blanks();
    J value = any(0);
    skip_blanks();
    if (place_ < text_.size()) fail("Extra data", place_);
    return value;
  }

  [[nodiscard]] int deepest() const { return deepest_; }

 private:
  using Member = std::pair<std::string, J>;

  [[noreturn]] void fail(std::string_view what, std::size_t place) const {
    const std::string_view before = text_.substr(0, place);
    const auto lines = 1 + std::ranges::count(before, '\n');
    const auto line_start = before.rfind('\n');
    const auto column = count_code_points(before.substr(line_start == std::string_view::npos ? 0 : line_start + 1)) + 1;
    throw JsonSyntaxError(std::string(what) + ": line " + std::to_string(lines) + " column " + std::to_string(column) +
                          " (char " + std::to_string(count_code_points(before)) + ")");
  }

  [[nodiscard]] bool at(char c) const { return place_ < text_.size() && text_[place_] == c; }

  void skip_blanks() {
    while (place_ < text_.size() && is_blank(text_[place_])) ++place_;
  }

  bool take(std::string_view word) {
    if (!text_.substr(place_).starts_with(word)) return false;
    place_ += word.size();
    return true;
  }

  J any(int depth) {
    if (at('"')) return J(string());
    if (at('{') || at('[')) {
      if (depth == kDeepestJson) throw JsonDepthError("nested too deep");
      deepest_ = std::max(deepest_, depth + 1);
      return at('{') ? object(depth + 1) : array(depth + 1);
    }
    if (take("null")) return J(nullptr);
    if (take("true")) return J(true);
    if (take("false")) return J(false);
    for (const std::string_view constant : {"NaN", "Infinity", "-Infinity"}) {
      if (take(constant)) limits_.constant(constant);
    }
    return number();
  }

  J object(int depth) {
    ++place_;
    std::vector<Member> members;
    skip_blanks();
    if (at('}')) {
      ++place_;
      return J::object();
    }
    while (true) {
      if (!at('"')) fail("Expecting property name enclosed in double quotes", place_);
      std::string key = string();
      skip_blanks();
      if (!at(':')) fail("Expecting ':' delimiter", place_);
      ++place_;
      skip_blanks();
      members.emplace_back(std::move(key), any(depth));
      skip_blanks();
      if (at('}')) break;
      if (!at(',')) fail("Expecting ',' delimiter", place_);
      ++place_;
      skip_blanks();
    }
    ++place_;
    return joined(std::move(members));
  }

  J array(int depth) {
    ++place_;
    J values = J::array();
    skip_blanks();
    if (at(']')) {
      ++place_;
      return values;
    }
    while (true) {
      values.push_back(any(depth));
      skip_blanks();
      if (at(']')) break;
      if (!at(',')) fail("Expecting ',' delimiter", place_);
      ++place_;
      skip_blanks();
    }
    ++place_;
    return values;
  }

  J joined(std::vector<Member> members) {
    std::unordered_map<std::string_view, std::size_t> places;
    std::vector<std::size_t> counts(members.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
      const std::size_t first = places.try_emplace(members[i].first, i).first->second;
      ++counts[first];
      if (first != i) members[first].second = std::move(members[i].second);
    }
    if (places.size() < members.size()) {
      limits_.repeated(members[static_cast<std::size_t>(std::ranges::max_element(counts) - counts.begin())].first);
    }
    J value = J::object();
    auto& object = *value.template get_ptr<typename J::object_t*>();
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (counts[i]) append(object, std::move(members[i]));
    }
    return value;
  }

  static void append(typename nlohmann::json::object_t& object, nlohmann::json&& value, std::string&& key) {
    object.emplace_hint(object.end(), std::move(key), std::move(value));
  }

  static void append(typename Json::object_t& object, Json&& value, std::string&& key) {
    // The map's own function looks through all keys for each new one.
    static_cast<Json::object_t::Container&>(object).emplace_back(std::move(key), std::move(value));
  }

  static void append(typename J::object_t& object, Member&& member) {
    append(object, std::move(member.second), std::move(member.first));
  }

  std::string string() {
    const std::size_t begin = place_++;
    std::string value;
    while (true) {
      const std::size_t from = place_;
      while (place_ < text_.size() && text_[place_] != '"' && text_[place_] != '\\') {
        if (static_cast<unsigned char>(text_[place_]) <= 0x1f) fail("Invalid control character at", place_);
        ++place_;
      }
      if (place_ == text_.size()) fail("Unterminated string starting at", begin);
      value.append(text_, from, place_ - from);
      if (text_[place_++] == '"') return value;
      if (place_ == text_.size()) fail("Unterminated string starting at", begin);
      escape(value);
    }
  }

  void escape(std::string& value) {
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char name = text_[place_++];
    if (name == 'u') {
      unicode::append(value, code_point());
      return;
    }
    const auto found = kNames.find(name);
    if (found == std::string_view::npos) fail("Invalid \\escape", place_ - 2);
    value += kMeanings[found];
  }

  /// The code point that stands after `\u`: two escapes where they make a surrogate pair.
  char32_t code_point() {
    const char32_t unit = hexadecimal(place_ - 1);
    const bool is_high = unit >= 0xd800 && unit < 0xdc00;
    // The quote that ends the string must follow, hence the strict comparison.
    if (!is_high || place_ + 6 >= text_.size() || !text_.substr(place_).starts_with("\\u")) return unit;
    const std::size_t back = place_;
    place_ += 2;
    const char32_t low = hexadecimal(place_ - 1);
    if (low >= 0xdc00 && low < 0xe000) return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    place_ = back;
    return unit;
  }

  char32_t hexadecimal(std::size_t letter) {
    if (!has_four_characters()) fail("Invalid \\uXXXX escape", letter);
    char32_t unit = 0;
    for (int i = 0; i < 4; ++i, ++place_) {
      const char digit = text_[place_];
      const char lower = static_cast<char>(digit | 0x20);
      if (is_digit(digit)) {
        unit = unit * 16 + static_cast<char32_t>(digit - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        unit = unit * 16 + static_cast<char32_t>(lower - 'a' + 10);
      } else {
        fail("Invalid \\uXXXX escape", letter);
      }
    }
    return unit;
  }

  /// Whether more than four characters follow.
  [[nodiscard]] bool has_four_characters() const { return count_code_points(text_.substr(place_, 17)) > 4; }

  J number() {
    const std::size_t start = place_;
    if (at('-')) ++place_;
    if (place_ == text_.size() || !is_digit(text_[place_])) fail("Expecting value", start);
    if (at('0')) {
      ++place_;
    } else {
      skip_digits();
    }
    const bool has_fraction = at('.') && place_ + 1 < text_.size() && is_digit(text_[place_ + 1]);
    if (has_fraction) {
      ++place_;
      skip_digits();
    }
    const bool is_float = skip_exponent() || has_fraction;
    const std::string_view digits = text_.substr(start, place_ - start);
    return is_float ? floating(digits) : integer(digits);
  }

  void skip_digits() {
    while (place_ < text_.size() && is_digit(text_[place_])) ++place_;
  }

  bool skip_exponent() {
    if (!at('e') && !at('E')) return false;
    const std::size_t back = place_++;
    if (at('+') || at('-')) ++place_;
    const std::size_t digits = place_;
    skip_digits();
    if (place_ > digits) return true;
    place_ = back;
    return false;
  }

  J floating(std::string_view digits) {
    const std::optional<double> value = read_double(digits);
    if (!value) limits_.overflow(digits);
    return J(value.value());
  }

  J integer(std::string_view digits) {
    limits_.integer(digits);
    std::int64_t value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc{}) return J(value);
    return J::binary(typename J::binary_t::container_type(digits.begin(), digits.end()));
  }

  std::string_view text_;
  const JsonLimits& limits_;
  std::size_t place_ = 0;
  int deepest_ = 0;
};

}  // namespace

template <class J>
J parse_json(std::string_view text, const JsonLimits& limits, int* depth) {
  Parser<J> parser(text, limits);
  J value = parser.whole();
  if (depth) *depth = parser.deepest();
  return value;
}

template nlohmann::json parse_json(std::string_view, const JsonLimits&, int*);
template Json parse_json(std::string_view, const JsonLimits&, int*);

}  // namespace bert_runtime
