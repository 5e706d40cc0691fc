#include "python_repr.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "bert_runtime/utf8.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

constexpr unicode::CodePoints kPrintable[] = {
#include "printable_table.inc"
};

bool is_printable(char32_t code) { return unicode::holds(kPrintable, code); }

void append_escape(std::string& out, char32_t code) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const int digits = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
  out += '\\';
  out += digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kHex[(code >> shift) & 15];
}

void append_character(std::string& out, char32_t code, char quote) {
  static constexpr std::string_view kBlanks = "\t\n\r";
  static constexpr std::string_view kNames = "tnr";
  if (code == static_cast<char32_t>(quote) || code == U'\\') {
    out += {'\\', static_cast<char>(code)};
  } else if (const auto blank = code < 0x80 ? kBlanks.find(static_cast<char>(code)) : std::string_view::npos;
             blank != std::string_view::npos) {
    out += {'\\', kNames[blank]};
  } else if (is_printable(code)) {
    unicode::append(out, code);
  } else {
    append_escape(out, code);
  }
}

/// Digits and a decimal exponent as Python lays them out: plainly from 1e-4 to below 1e16.
std::string laid_out(const std::string& digits, int exponent) {
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    const std::string power = std::to_string(std::abs(exponent));
    return digits.substr(0, 1) + (count > 1 ? "." + digits.substr(1) : "") + (exponent < 0 ? "e-" : "e+") +
           (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0) return "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) return digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
  const auto point = static_cast<std::size_t>(exponent) + 1;
  return digits.substr(0, point) + "." + digits.substr(point);
}

template <class Range, class Show>
std::string listed(char open, const Range& range, char close, Show show) {
  std::string out(1, open);
  for (const auto& item : range) {
    if (out.size() > 1) out += ", ";
    out += show(item);
  }
  return out + close;
}

}  // namespace

std::string repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded next = unicode::decode(text, at);
    append_character(out, next.code, quote);
    at += next.length;
  }
  return out + quote;
}

std::string repr(double value) {
  if (std::isnan(value)) return "nan";
  const std::string sign = std::signbit(value) ? "-" : "";
  if (std::isinf(value)) return sign + "inf";
  char buffer[32];
  constexpr auto kFormat = std::chars_format::scientific;
  const auto end = std::to_chars(std::begin(buffer), std::end(buffer), std::abs(value), kFormat).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const auto mark = text.find('e');
  std::string digits(text.substr(0, 1));
  if (mark > 2) digits += text.substr(2, mark - 2);
  int exponent = 0;
  const std::string_view power = text.substr(text[mark + 1] == '+' ? mark + 2 : mark + 1);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  return sign + laid_out(digits, exponent);
}

template <class J>
std::string repr_json(const J& value) {
  switch (value.type()) {
    case nlohmann::json::value_t::null:
      return "None";
    case nlohmann::json::value_t::boolean:
      return value.template get<bool>() ? "True" : "False";
    case nlohmann::json::value_t::number_float:
      return repr(value.template get<double>());
    case nlohmann::json::value_t::string:
      return repr(std::string_view(value.template get_ref<const std::string&>()));
    case nlohmann::json::value_t::binary:
      return {value.get_binary().begin(), value.get_binary().end()};
    case nlohmann::json::value_t::array:
      return listed('[', value, ']', [](const J& item) { return repr_json(item); });
    case nlohmann::json::value_t::object:
      return listed('{', value.items(), '}', [](const auto& entry) {
        return repr(std::string_view(entry.key())) + ": " + repr_json(entry.value());
      });
    default:
      return value.dump();
  }
}

template std::string repr_json(const Json&);
template std::string repr_json(const nlohmann::json&);

std::string cut(std::string_view text, std::size_t characters) {
  return std::string(code_points(text, {0, static_cast<std::int64_t>(characters)}));
}

std::string_view type_name(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "NoneType";
    case Json::value_t::boolean:
      return "bool";
    case Json::value_t::number_float:
      return "float";
    case Json::value_t::string:
      return "str";
    case Json::value_t::array:
      return "list";
    case Json::value_t::object:
      return "dict";
    default:
      return "int";
  }
}

}  // namespace bert_runtime
