// Flags: those that every task has, and one for each field of a task's request.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "json_text.h"
#include "tasks/json.h"

namespace bert_runtime::cli {

/// How many words a flag takes.
enum class Takes { nothing, one, any };

/// One flag; `name` is what its words are kept under.
struct Flag {
  std::string spelling;
  std::string name;
  Takes takes = Takes::one;
  std::string kept = "true";  ///< What a flag that takes nothing stands for.
};

/// The words of each flag that was given, by its name; the last one counts, and of a flag that takes any number, all.
using Given = std::map<std::string, std::vector<std::string>>;

/// Reads `words` by these flags, in the way of Python's argparse. Throws InputError: unknown flags, with
/// what `takes` says of those there are; missing words.
[[nodiscard]] Given read_flags(const std::vector<std::string>& words, const std::vector<Flag>& flags,
                               const std::string& takes = "");

/// `top_k` is `--top-k`.
[[nodiscard]] std::string flag_of(const std::string& field);

/// A flag for each field; a text field `x` also has `--x-file`, which reads it from a UTF-8 file.
[[nodiscard]] std::vector<Flag> request_flags(const std::vector<RequestField>& fields);

/// The fields that the flags gave; numbers that cannot be read stay text, for the request to refuse.
///
/// Throws InputError: a text is given both by itself and as a file, or its file cannot be read or is not UTF-8.
[[nodiscard]] Json request_record(const Given& given, const std::vector<RequestField>& fields);

/// A field's value as a cell or a flag spells it: numbers, true or false, a JSON list for texts. What cannot be read
/// stays text: the request then says which type it expected.
[[nodiscard]] Json from_text(const std::string& text, FieldKind kind);

/// The fields of a task's request. Throws nothing: the bundle's task is one of ours.
[[nodiscard]] std::vector<RequestField> fields_of(const std::string& task);

}  // namespace bert_runtime::cli
