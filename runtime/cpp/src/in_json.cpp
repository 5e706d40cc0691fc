#include "in_json.h"

#include <cmath>

#include "bert_runtime/utf8.h"
#include "json_number.h"
#include "unicode.h"

namespace bert_runtime {

std::string in_json(std::string_view text) { return dumps(Json(std::string(text))); }

std::string in_json(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return write_double(value);
}

std::string in_json(const Json& value) { return value.is_number_float() ? in_json(value.get<double>()) : dumps(value); }

std::string in_json(const nlohmann::json& value) { return in_json(Json(value)); }

std::string cut(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < characters && at < text.size(); ++i) at += unicode::decode(text, at).length;
  return std::string(text.substr(0, at));
}

std::string_view kind_of(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "boolean";
  if (value.is_string()) return "string";
  if (value.is_array()) return "list";
  return value.is_object() ? "object" : "number";
}

}  // namespace bert_runtime
