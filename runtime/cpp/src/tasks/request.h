// What every request has in common: fields with plain types, checked one by one, readable from a JSON record.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "bert_runtime/errors.h"
#include "in_json.h"
#include "json_text.h"
#include "tasks/fields.h"
#include "tasks/json.h"

namespace bert_runtime {

/// Whether `text` holds nothing, or nothing but white space as Python's str.strip has it; `text` is UTF-8.
[[nodiscard]] bool is_blank(std::string_view text);

// ---------------------------------------------------------------------------------------------------------- values

/// What keeps a field's value from being one: text that is no UTF-8, a number that is not finite.
void note_mistakes(std::string_view name, const std::string& value, Problems& problems);
void note_mistakes(std::string_view name, double value, Problems& problems);
void note_mistakes(std::string_view name, const std::vector<std::string>& value, Problems& problems);
inline void note_mistakes(std::string_view, std::int64_t, Problems&) {}
inline void note_mistakes(std::string_view, bool, Problems&) {}

template <class Value>
void note_mistakes(std::string_view name, const std::optional<Value>& value, Problems& problems) {
  if (value) note_mistakes(name, *value, problems);
}

/// What is wrong with the fields of a request by themselves, in their order.
template <class Request>
[[nodiscard]] Problems field_mistakes(const Request& request) {
  Problems problems;
  for_each_field<Request>(
      [&](const auto& each) { note_mistakes(each.name, std::invoke(each.access, request), problems); });
  return problems;
}

// ------------------------------------------------------------------------------------------------------------ JSON

/// The problem of a value that is not what is wanted.
[[nodiscard]] Problem expected(std::string_view name, const Json& value, std::string_view wanted);

/// Reads one field's value into `out`, or notes why it is not of that type.
void read_field(std::string_view name, const Json& value, std::string& out, Problems& problems);
void read_field(std::string_view name, const Json& value, double& out, Problems& problems);
void read_field(std::string_view name, const Json& value, std::int64_t& out, Problems& problems);
void read_field(std::string_view name, const Json& value, bool& out, Problems& problems);
void read_field(std::string_view name, const Json& value, std::vector<std::string>& out, Problems& problems);

template <class Value>
void read_field(std::string_view name, const Json& value, std::optional<Value>& out, Problems& problems) {
  if (value.is_null()) {
    out.reset();
  } else {
    read_field(name, value, out.emplace(), problems);
  }
}

/// A field's name, and whether a record must have it.
struct FieldName {
  std::string_view name;
  bool is_required;
};

/// The keys that a record should not have, and those that it lacks.
[[nodiscard]] Problems key_problems(const Json& record, const std::vector<FieldName>& fields);

/// Whether a number is written without a point or an exponent, however large.
[[nodiscard]] bool is_integer(const Json& value);

/// The problem with a number as the record writes it: an integer given for `value` is shown without a point.
[[nodiscard]] Problem as_written(const Problem& problem, std::string_view name, double value, const Json& written);

/// See request_from_json.
template <class Request>
[[nodiscard]] Request read_request(const Json& record) {
  std::vector<FieldName> names;
  for_each_field<Request>([&](const auto& each) { names.push_back({each.name, each.is_required}); });
  Problems problems = key_problems(record, names);
  Request request;
  for_each_field<Request>([&](const auto& each) {
    const auto found = record.find(std::string(each.name));
    if (found != record.end()) read_field(each.name, *found, std::invoke(each.access, request), problems);
  });
  raise_input_problems(problems);
  problems = request.problems();
  for_each_field<Request>([&](const auto& each) {
    using Value = std::remove_cvref_t<decltype(std::invoke(each.access, request))>;
    if constexpr (std::is_same_v<Value, double>) {
      const auto found = record.find(std::string(each.name));
      if (found == record.end() || !is_integer(*found)) return;
      for (Problem& problem : problems) {
        problem = as_written(problem, each.name, std::invoke(each.access, request), *found);
      }
    }
  });
  raise_input_problems(problems);
  return request;
}

constexpr FieldKind field_kind(const std::string&) { return FieldKind::text; }
constexpr FieldKind field_kind(double) { return FieldKind::number; }
constexpr FieldKind field_kind(std::int64_t) { return FieldKind::integer; }
constexpr FieldKind field_kind(bool) { return FieldKind::boolean; }
constexpr FieldKind field_kind(const std::vector<std::string>&) { return FieldKind::texts; }

template <class Value>
FieldKind field_kind(const std::optional<Value>&) {
  return field_kind(Value());
}

template <class T>
std::vector<RequestField> request_fields() {
  const typename T::Request request;
  std::vector<RequestField> fields;
  for_each_field<typename T::Request>([&](const auto& each) {
    fields.push_back({std::string(each.name), field_kind(std::invoke(each.access, request)), each.is_required});
  });
  return fields;
}

template <class T>
typename T::Request request_from_json(const Json& record) {
  return read_request<typename T::Request>(record);
}

}  // namespace bert_runtime
