// The fields of a struct with their names in JSON: the one list that requests are read by and results are written by.
#pragma once

#include <string_view>
#include <tuple>

namespace bert_runtime {

/// One field: its name in JSON and how to reach it, a pointer to a member or a function of the struct.
template <class Access>
struct Field {
  std::string_view name;
  Access access;
  bool is_required = false;
};

/// A field that a request may leave out; also any field of a result.
template <class Access>
constexpr Field<Access> field(std::string_view name, Access access) {
  return {name, access, false};
}

/// A field that every request must have.
template <class Access>
constexpr Field<Access> required(std::string_view name, Access access) {
  return {name, access, true};
}

/// Specialised for each struct with a JSON form: `static constexpr auto list = std::tuple(field(...), ...)`, in order.
template <class Struct>
struct Fields;

template <class Struct>
concept HasFields = requires { Fields<Struct>::list; };

/// Calls `visit` with each field of `Struct`, in order.
template <class Struct, class Visit>
void for_each_field(Visit visit) {
  std::apply([&](const auto&... each) { (visit(each), ...); }, Fields<Struct>::list);
}

}  // namespace bert_runtime
