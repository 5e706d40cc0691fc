// Values as JSON: structs by their fields, float32 as the double that it is.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "json_text.h"
#include "tasks/fields.h"
#include "tasks/json.h"

namespace bert_runtime {

template <class Value>
Json json_form(const Value& value);

template <class Item>
Json json_form(const std::vector<Item>& items) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(json_form(item));
  return list;
}

template <class Value>
Json json_form(const std::optional<Value>& value) {
  return value ? json_form(*value) : Json(nullptr);
}

template <class... Options>
Json json_form(const std::variant<Options...>& value) {
  return std::visit([](const auto& option) { return json_form(option); }, value);
}

template <class Value>
Json json_form(const Value& value) {
  if constexpr (HasFields<Value>) {
    Json object = Json::object();
    for_each_field<Value>(
        [&](const auto& each) { object.emplace(std::string(each.name), json_form(std::invoke(each.access, value))); });
    return object;
  } else if constexpr (std::floating_point<Value>) {
    return static_cast<double>(value);
  } else {
    return value;
  }
}

template <class T>
Json result_to_json(const typename T::Result& result) {
  return json_form(result);
}

}  // namespace bert_runtime
