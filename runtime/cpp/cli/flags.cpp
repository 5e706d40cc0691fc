#include "flags.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "bert_runtime/errors.h"
#include "bert_runtime/tasks/tasks.h"
#include "bert_runtime/utf8.h"
#include "files.h"
#include "json_number.h"
#include "nearest.h"
#include "texts.h"

namespace bert_runtime::cli {
namespace {

constexpr const char* kValue = "field ";  // with a space: no other flag can have such a name
constexpr const char* kFile = "file ";
constexpr std::string_view kDigits = "0123456789";

bool are_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos;
}

bool is_negative_number(std::string_view word) {
  if (!word.starts_with('-')) return false;
  word.remove_prefix(1);
  const auto point = word.find('.');
  if (point == std::string_view::npos) return are_digits(word);
  return (point == 0 || are_digits(word.substr(0, point))) && are_digits(word.substr(point + 1));
}

/// Whether a word may stand after a flag; one that starts with a dash may be a flag itself.
bool is_value(const std::string& word) {
  return !word.starts_with('-') || word == "-" || is_negative_number(word) || word.find(' ') != std::string::npos;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return text;
}

/// The number that Python's int() or float() reads: blanks around it, underscores between digits.
std::string plain_number(const std::string& text) {
  constexpr const char* kBlank = " \t\n\r\f\v";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string::npos) return "";
  std::string number = text.substr(first, text.find_last_not_of(kBlank) - first + 1);
  for (auto place = number.find('_'); place != std::string::npos; place = number.find('_', place)) {
    const bool is_between = place > 0 && place + 1 < number.size() && are_digits(number.substr(place - 1, 1)) &&
                            are_digits(number.substr(place + 1, 1));
    if (!is_between) return "";
    number.erase(place, 1);
  }
  return number.starts_with('+') ? number.substr(1) : number;
}

std::string without_zeros(const std::string& integer) {
  const std::string sign = integer.starts_with('-') ? "-" : "";
  const auto first = integer.find_first_not_of('0', sign.size());
  return first == std::string::npos ? "0" : sign + integer.substr(first);
}

const JsonLimits& any_number() {
  static const auto none = [](std::string_view) {};
  static const JsonLimits limits = {[](std::string_view text) { throw JsonSyntaxError(std::string(text)); },
                                    [](std::string_view text) { throw JsonSyntaxError(std::string(text)); }, none,
                                    [](const std::string&) {}};
  return limits;
}

Json integer(const std::string& text) {
  const std::string number = plain_number(text);
  if (!are_digits(number.starts_with('-') ? number.substr(1) : number)) return text;
  return parse_json<Json>(without_zeros(number), any_number());
}

Json real(const std::string& text) {
  const std::string number = lower(plain_number(text));
  const bool is_negative = number.starts_with('-');
  const std::string name = is_negative ? number.substr(1) : number;
  const double sign = is_negative ? -1 : 1;
  if (name == "inf" || name == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (name == "nan") return std::numeric_limits<double>::quiet_NaN();
  const auto digits = name.find_first_of(kDigits);
  const bool is_number = digits != std::string::npos && digits <= 1 && (digits == 0 || name[0] == '.') &&
                         name.find_first_not_of("0123456789.e+-") == std::string::npos;
  double value = 0;
  const char* end = number.data() + number.size();
  if (!is_number || std::from_chars(number.data(), end, value).ptr != end) return text;
  const auto read = read_double(number);
  return read ? *read : sign * std::numeric_limits<double>::infinity();
}

Json boolean(const std::string& text) {
  const std::string word = lower(plain_number(text));
  if (word == "true" || word == "false") return word == "true";
  return text;
}

Json list(const std::string& text) {
  try {
    return parse_json<Json>(text, any_number());
  } catch (const std::runtime_error&) {
    return text;
  }
}

/// The words of a flag that takes texts; a single one may be a JSON list of them.
Json texts(const std::vector<std::string>& words) {
  if (words.size() == 1 && words.front().starts_with('[')) {
    const Json found = list(words.front());
    const auto is_text = [](const Json& item) { return item.is_string(); };
    if (found.is_array() && std::ranges::all_of(found, is_text)) return found;
  }
  return Json(words);
}

/// A text file as Python reads it: without a byte order mark, every line end as \n.
std::string content(const std::string& path) {
  std::string text;
  try {
    text = read_file(path, std::numeric_limits<std::size_t>::max());
  } catch (const FileError& error) {
    throw InputError(path + ": " + error.reason);
  }
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  if (const std::size_t broken = first_broken_utf8(text); broken < text.size()) {
    throw InputError(path + ": byte " + std::to_string(broken + 1) + " is not UTF-8; save the file as UTF-8");
  }
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      plain += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      plain += '\n';
    }
  }
  return plain;
}

std::string unknown(const std::vector<std::string>& words, const std::vector<Flag>& flags, const std::string& takes) {
  std::vector<std::string> spellings;
  for (const Flag& flag : flags) spellings.push_back(flag.spelling);
  std::vector<std::string> told;
  const auto is_flag = [](const std::string& word) { return word.starts_with('-'); };
  const bool has_flags = std::ranges::any_of(words, is_flag);
  for (const std::string& word : words) {
    if (has_flags && !is_flag(word)) continue;  // a value of one of these
    const std::string hint = nearest(word.substr(0, word.find('=')), spellings);
    told.push_back(word + hint);
  }
  return "unknown: " + joined(told) + takes + "; bert-run DIR --help explains the flags";
}

}  // namespace

Given read_flags(const std::vector<std::string>& words, const std::vector<Flag>& flags, const std::string& takes) {
  Given given;
  std::vector<std::string> strange;
  for (auto word = words.begin(); word != words.end();) {
    const auto equals = word->find('=');
    const auto is_named = [&](const Flag& flag) {
      return flag.spelling == *word || (flag.spelling == word->substr(0, equals) && flag.takes != Takes::nothing);
    };
    const auto flag = std::ranges::find_if(flags, is_named);
    if (flag == flags.end()) {
      strange.push_back(*word++);
      continue;
    }
    std::vector<std::string> values;
    if (*word != flag->spelling) values.push_back(word->substr(equals + 1));
    const std::size_t most = flag->takes == Takes::any ? words.size() : flag->takes == Takes::one ? 1 : 0;
    const bool is_closed = !values.empty();
    ++word;
    while (!is_closed && values.size() < most && word != words.end() && is_value(*word)) values.push_back(*word++);
    if (flag->takes == Takes::one && values.empty()) {
      throw InputError("argument " + flag->spelling +
                       ": expected one argument; write --flag=VALUE for a value that "
                       "starts with a dash; bert-run DIR --help explains the flags");
    }
    if (flag->takes == Takes::nothing) values = {flag->kept};
    std::vector<std::string>& kept = given[flag->name];
    if (flag->takes != Takes::any) kept.clear();
    kept.insert(kept.end(), values.begin(), values.end());
  }
  if (!strange.empty()) throw InputError(unknown(strange, flags, takes));
  return given;
}

std::string flag_of(const std::string& field) {
  std::string flag = "--" + field;
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::vector<Flag> request_flags(const std::vector<RequestField>& fields) {
  std::vector<Flag> flags;
  for (const RequestField& field : fields) {
    const std::string flag = flag_of(field.name);
    if (field.kind == FieldKind::boolean) {
      flags.push_back({flag, kValue + field.name, Takes::nothing, "true"});
      flags.push_back({"--no-" + flag.substr(2), kValue + field.name, Takes::nothing, "false"});
      continue;
    }
    flags.push_back({flag, kValue + field.name, field.kind == FieldKind::texts ? Takes::any : Takes::one});
    if (field.kind == FieldKind::text) flags.push_back({flag + "-file", kFile + field.name});
  }
  return flags;
}

Json request_record(const Given& given, const std::vector<RequestField>& fields) {
  Problems both;
  for (const RequestField& field : fields) {
    if (!given.contains(kValue + field.name) || !given.contains(kFile + field.name)) continue;
    both.push_back("got " + flag_of(field.name) + " and " + flag_of(field.name) + "-file, expected one of them");
  }
  raise_input_problems(both);
  Json record = Json::object();
  for (const RequestField& field : fields) {
    if (const auto file = given.find(kFile + field.name); file != given.end()) {
      record[field.name] = content(file->second.front());
    } else if (const auto value = given.find(kValue + field.name); value != given.end()) {
      record[field.name] =
          field.kind == FieldKind::texts ? texts(value->second) : from_text(value->second.front(), field.kind);
    }
  }
  return record;
}

Json from_text(const std::string& text, FieldKind kind) {
  switch (kind) {
    case FieldKind::integer:
      return integer(text);
    case FieldKind::number:
      return real(text);
    case FieldKind::boolean:
      return boolean(text);
    case FieldKind::texts:
      return list(text);
    default:
      return text;
  }
}

std::vector<RequestField> fields_of(const std::string& task) {
#define BERT_RUNTIME_FIELDS(T) \
  if (task == T::task().name) return request_fields<T>();
  BERT_RUNTIME_TASKS(BERT_RUNTIME_FIELDS)
#undef BERT_RUNTIME_FIELDS
  return {};
}

}  // namespace bert_runtime::cli
