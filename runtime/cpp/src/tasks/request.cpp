#include "tasks/request.h"

#include <algorithm>
#include <limits>

#include "bert_runtime/utf8.h"
#include "json_number.h"
#include "texts.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

/// What str.isspace takes for white space; Unicode has added none since 1999.
constexpr unicode::CodePoints kSpaces[] = {
    {0x9, 0xd},       {0x1c, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680},
    {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
};

bool is_space(char32_t code) { return unicode::holds(kSpaces, code); }

/// Integers beyond 64 bits are digits.
std::string digits(const Json& value) { return {value.get_binary().begin(), value.get_binary().end()}; }

std::optional<double> as_double(const Json& value) {
  if (value.is_binary()) return read_double(digits(value));
  if (!value.is_number()) return std::nullopt;
  return value.get<double>();
}

}  // namespace

Problem expected(std::string_view name, const Json& value, std::string_view wanted) {
  const bool is_endless = value.is_binary() && value.get_binary().size() > kMostDigits;
  const std::string shown = is_endless ? "too large to show" : cut(in_json(value));
  return {
      "wrong-type", std::string(name),
      std::string(name) + " is " + shown + " (" + std::string(kind_of(value)) + "), expected " + std::string(wanted)};
}

bool is_blank(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded next = unicode::decode(text, at);
    if (!is_space(next.code)) return false;
    at += next.length;
  }
  return true;
}

void note_mistakes(std::string_view name, const std::string& value, Problems& problems) {
  if (const auto problem = utf8_problem(name, value)) problems.push_back({"not-utf8", std::string(name), *problem});
}

void note_mistakes(std::string_view name, double value, Problems& problems) {
  if (!std::isfinite(value)) problems.push_back(expected(name, Json(value), "a finite number"));
}

void note_mistakes(std::string_view name, const std::vector<std::string>& value, Problems& problems) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    note_mistakes(std::string(name) + "[" + std::to_string(i) + "]", value[i], problems);
  }
}

void read_field(std::string_view name, const Json& value, std::string& out, Problems& problems) {
  if (!value.is_string()) {
    problems.push_back(expected(name, value, "a string"));
    return;
  }
  out = value.get<std::string>();
  note_mistakes(name, out, problems);
}

void read_field(std::string_view name, const Json& value, double& out, Problems& problems) {
  const auto number = as_double(value);
  if (number && std::isfinite(*number)) {
    out = *number;
  } else {
    problems.push_back(expected(name, value, "a finite number"));
  }
}

void read_field(std::string_view name, const Json& value, std::int64_t& out, Problems& problems) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value.is_binary() || (value.is_number_unsigned() && value.get<std::uint64_t>() > kMost)) {
    problems.push_back(expected(name, value, "an integer that 64 bits can hold"));
  } else if (!value.is_number_integer()) {
    problems.push_back(expected(name, value, "an integer"));
  } else {
    out = value.get<std::int64_t>();
  }
}

void read_field(std::string_view name, const Json& value, bool& out, Problems& problems) {
  if (value.is_boolean()) {
    out = value.get<bool>();
  } else {
    problems.push_back(expected(name, value, "true or false"));
  }
}

void read_field(std::string_view name, const Json& value, std::vector<std::string>& out, Problems& problems) {
  if (!value.is_array()) {
    problems.push_back(expected(name, value, "a list of strings"));
    return;
  }
  out.assign(value.size(), "");
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string at = std::string(name) + "[" + std::to_string(i) + "]";
    read_field(at, value[i], out[i], problems);
  }
}

Problems key_problems(const Json& record, const std::vector<FieldName>& fields) {
  std::vector<std::string> names;
  for (const FieldName& field : fields) names.emplace_back(field.name);
  const std::string known = "; the fields are " + joined(names);
  Problems problems;
  for (const auto& entry : record.items()) {
    if (std::ranges::find(names, entry.key()) == names.end()) {
      problems.push_back({"unknown-field", entry.key(), "unknown field " + in_json(entry.key()) + known});
    }
  }
  for (const FieldName& field : fields) {
    if (field.is_required && !record.contains(std::string(field.name))) {
      problems.push_back({"missing-field", std::string(field.name), "missing field " + in_json(field.name) + known});
    }
  }
  return problems;
}

bool is_integer(const Json& value) { return value.is_number_integer() || value.is_binary(); }

Problem as_written(const Problem& problem, std::string_view name, double value, const Json& written) {
  const std::string start = std::string(name) + " is " + in_json(value) + ",";
  if (!problem.message.starts_with(start)) return problem;
  const std::string rest = problem.message.substr(start.size() - 1);
  return {problem.code, problem.field, std::string(name) + " is " + in_json(written) + rest};
}

}  // namespace bert_runtime
