// Many requests: from a file to a file, line by line, in order and in constant memory.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "any_session.h"
#include "json_text.h"
#include "tasks/json.h"

namespace bert_runtime::cli {

/// Where requests are read and answers written; `-` is a standard stream.
struct LineFiles {
  std::string input;
  std::string output = "-";
  std::optional<std::string> input_format;  ///< jsonl or csv; nothing goes by the extension.
  std::optional<std::string> output_format;
  bool with_input = false;      ///< The line's own fields stand beside its answer.
  bool allow_extra = false;     ///< Fields that the task does not know are left alone.
  std::string errors = "fail";  ///< Or skip.

  /// Files that are missing, contradict each other, or have no known format.
  [[nodiscard]] std::vector<Problem> problems() const;
};

/// How many lines were answered and how many skipped.
struct Outcome {
  std::int64_t answered = 0;
  std::int64_t skipped = 0;

  /// 0: every line was answered; 3: some were; 2: there were lines, and none of them was.
  [[nodiscard]] int exit_code() const { return skipped == 0 ? 0 : answered > 0 ? 3 : 2; }
};

/// Answers every line of `files.input`; `defaults` are fields for lines that lack them.
///
/// Throws ItemError: a line cannot be answered and `files.errors` is fail; InputError: a file cannot be read or
/// written; what came before is written, and standard error says where. BackendError: the engine runs nothing any more.
/// ReaderGone: nobody reads the output. `standard` is standard output.
Outcome answer_file(const AnySession& session, const LineFiles& files, const Json& defaults,
                    const std::vector<RequestField>& fields, std::ostream& standard);

}  // namespace bert_runtime::cli
