#include <cmath>
#include <utility>

#include "bert_runtime/errors.h"
#include "in_json.h"
#include "json_text.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

/// A surrogate has three bytes of its own only in text that is no UTF-8.
bool is_lone_surrogate(std::string_view text, std::size_t at) {
  return text[at] == '\xed' && at + 2 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xa0;
}

std::string finite_repr(double value) {
  if (!std::isfinite(value))
    throw BackendError("the answer holds a number that is not finite, which JSON cannot write");
  return in_json(value);
}

constexpr std::string_view kHex = "0123456789abcdef";

/// The escape of the lone surrogate at `at`.
void write_surrogate(std::string& out, std::string_view text, std::size_t at) {
  const char32_t unit = unicode::decode(text, at).code;
  out += {'\\', 'u', 'd', kHex[(unit >> 8) & 15], kHex[(unit >> 4) & 15], kHex[unit & 15]};
}

void write_string(std::string& out, const std::string& text) {
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    static constexpr std::string_view kPlain = "\"\\\b\f\n\r\t";
    static constexpr std::string_view kNames = "\"\\bfnrt";
    if (const auto found = kPlain.find(text[i]); found != std::string_view::npos) {
      out += '\\';
      out += kNames[found];
    } else if (byte < 0x20) {
      out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else if (is_lone_surrogate(text, i)) {
      write_surrogate(out, text, i);
      i += 2;
    } else {
      out += text[i];
    }
  }
  out += '"';
}

void write(std::string& out, const Json& value);

void write_object(std::string& out, const Json& value) {
  out += '{';
  bool is_first = true;
  for (const auto& [key, item] : value.items()) {
    if (!std::exchange(is_first, false)) out += ", ";
    write_string(out, key);
    out += ": ";
    write(out, item);
  }
  out += '}';
}

void write(std::string& out, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      return write_object(out, value);
    case Json::value_t::array:
      out += '[';
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (i) out += ", ";
        write(out, value[i]);
      }
      out += ']';
      return;
    case Json::value_t::string:
      return write_string(out, value.get_ref<const std::string&>());
    case Json::value_t::number_float:
      out += finite_repr(value.get<double>());
      return;
    case Json::value_t::binary:
      out.append(value.get_binary().begin(), value.get_binary().end());
      return;
    default:
      out += value.dump();
  }
}

}  // namespace

std::string dumps(const Json& value) {
  std::string out;
  write(out, value);
  return out;
}

std::string encodable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_lone_surrogate(text, i)) {
      write_surrogate(out, text, i);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace bert_runtime
