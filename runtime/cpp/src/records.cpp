#include "records.h"

#include <string>

#include "bert_runtime/errors.h"
#include "bert_runtime/utf8.h"
#include "format_limits.h"
#include "in_json.h"
#include "json_number.h"

namespace bert_runtime {
namespace {

/// Text that is JSON by its grammar alone.
[[noreturn]] void refuse(const std::string& what) {
  throw InputError(Problem("not-json", "line", "not JSON: " + what + "; expected one JSON object a line"));
}

JsonLimits line_limits() {
  const auto not_finite = [](std::string_view text) { refuse(cut(text, 20) + " is no finite number"); };
  const auto integer = [](std::string_view text) {
    const std::size_t digits = text.size() - (text.front() == '-');
    if (digits <= kMostDigits) return;
    refuse("Exceeds the limit (4300 digits) for integer string conversion: value has " + std::to_string(digits) +
           " digits; use sys.set_int_max_str_digits() to increase the limit");
  };
  return {not_finite, not_finite, integer, [](const std::string&) {}};
}

}  // namespace

Json read_record(std::string_view line) {
  const Problem too_deep("too-deep", "line",
                         "nested too deep, expected at most " + std::to_string(kDeepest) + " levels");
  if (const std::size_t broken = first_broken_utf8(line); broken < line.size()) {
    throw InputError(
        Problem("not-utf8", "line",
                "byte " + std::to_string(broken + 1) + " of the line is not UTF-8; save the file as UTF-8"));
  }
  int depth = 0;
  Json value;
  try {
    value = parse_json<Json>(line, line_limits(), &depth);
  } catch (const JsonSyntaxError& error) {
    refuse(error.what());
  } catch (const JsonDepthError&) {
    throw InputError(too_deep);
  }
  if (!value.is_object()) {
    throw InputError(
        Problem("wrong-type", "line",
                "got a JSON " + std::string(kind_of(value)) + ", expected an object with the request's fields"));
  }
  if (depth > kDeepest) throw InputError(too_deep);
  return value;
}

}  // namespace bert_runtime
