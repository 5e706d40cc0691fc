#include "line_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>
#include <utility>

#include "bert_runtime/errors.h"
#include "boundary.h"
#include "flags.h"
#include "nearest.h"
#include "output_file.h"
#include "python_repr.h"
#include "readers.h"
#include "texts.h"
#include "writers.h"

namespace bert_runtime::cli {
namespace {

namespace fs = std::filesystem;

/// How many skipped lines are named on standard error; the output names them all.
constexpr std::int64_t kReported = 20;

std::vector<std::string> path_problems(const fs::path& source, const fs::path& target) {
  std::vector<std::string> problems;
  std::error_code none;
  if (source != "-" && !fs::exists(source, none)) {
    problems.push_back("--input " + source.string() + " does not exist, expected a file, or - for standard input");
  } else if (fs::is_directory(source, none)) {
    problems.push_back("--input " + source.string() + " is a directory, expected a file");
  }
  if (is_standard_output(target.string())) return problems;
  if (fs::is_directory(target, none)) {
    problems.push_back("--output " + target.string() + " is a directory, expected a file");
  } else if (!fs::is_directory(fs::absolute(target).parent_path(), none)) {
    problems.push_back("--output " + target.string() + " is in a directory that does not exist; make it first");
  }
  for (const fs::path& path : {target, part_of(target)}) {
    if (!fs::is_regular_file(path, none) || !fs::exists(source, none) || !fs::equivalent(path, source, none)) continue;
    problems.push_back("--input and --output would both use " + path.string() + "; name another output");
  }
  return problems;
}

/// What keeps every line of a CSV file from being a request.
ColumnProblems column_problems(const std::vector<RequestField>& fields, const Json& defaults, bool allow_extra) {
  return [=](const std::vector<std::string>& columns) {
    std::vector<std::string> known;
    std::vector<std::string> problems;
    for (const RequestField& field : fields) {
      known.push_back(field.name);
      if (!field.is_required || defaults.contains(field.name)) continue;
      if (std::ranges::find(columns, field.name) != columns.end()) continue;
      problems.push_back("the column " + repr(field.name) + " is missing; add it, or give " + flag_of(field.name) +
                         " for every line");
    }
    std::vector<std::string> strange;
    for (const std::string& name : columns) {
      const bool is_known = allow_extra || std::ranges::find(known, name) != known.end();
      if (!is_known && std::ssize(strange) < kReported) strange.push_back(repr(name) + nearest(name, known));
    }
    if (!strange.empty()) {
      problems.push_back("unknown: the columns " + joined(strange) + "; the fields are " + joined(known) +
                         "; --allow-extra leaves other columns alone");
    }
    return problems;
  };
}

/// The flag that may be missing.
std::string hint(const Line& line, const InputError& error, const LineFiles& files) {
  const auto is_unknown = [](const std::string& problem) { return problem.starts_with("unknown field "); };
  if (!files.allow_extra && std::ranges::any_of(error.problems(), is_unknown)) {
    return "; --allow-extra leaves other fields alone";
  }
  const bool is_guess = files.input == "-" && !files.input_format && line.number == 1;
  const bool is_json = error.problems().empty() || !error.problems().front().starts_with("not JSON");
  return is_guess && !is_json ? "; for CSV add --input-format csv" : "";
}

/// Some lines, and the place of the next that can be asked about.
using Chunk = std::vector<Line>;

Chunk read_chunk(Reader& reader, bool to_first_bad) {
  Chunk chunk;
  while (chunk.size() < kLookahead) {
    std::optional<Line> line = reader.next();
    if (!line) break;
    chunk.push_back(std::move(*line));
    if (to_first_bad && std::holds_alternative<InputError>(chunk.back().content)) break;
  }
  return chunk;
}

Json with_defaults(const Json& content, const Json& defaults, const std::vector<RequestField>& fields, bool all) {
  Json record = defaults;
  for (const auto& entry : content.items()) {
    const bool is_known = std::ranges::find(fields, entry.key(), &RequestField::name) != fields.end();
    if (all || is_known) record[entry.key()] = entry.value();
  }
  return record;
}

Json output_record(const Line& line, const AnySession::Answer& answer, bool with_input) {
  Json record = Json::object();
  const Json* content = std::get_if<Json>(&line.content);
  if (with_input && content) record["request"] = *content;
  if (const auto* error = std::get_if<InputError>(&answer)) {
    record["error"] = joined(error->problems(), "; ");
    record["line"] = line.number;
    return record;
  }
  const Json& result = std::get<Json>(answer);
  if (result.is_object()) {
    record.update(result);
  } else {
    record["result"] = result;
  }
  return record;
}

/// Names the line on standard error, or throws where errors are not skipped.
void report(const Line& line, const InputError& error, std::int64_t skipped, const LineFiles& files) {
  const std::string message =
      files.input + " line " + std::to_string(line.number) + ": " + joined(error.problems(), "; ") +
      hint(line, error, files);
  if (files.errors == "fail") throw InputError(message);
  if (skipped > kReported) return;
  const char* more = skipped == kReported ? "; further lines are named in the output only" : "";
  tell("skipped " + message + more);
}

std::unique_ptr<Writer> make_writer(std::ostream& stream, const LineFiles& files) {
  const std::string format = files.output_format ? *files.output_format : format_of(files.output);
  if (format == "jsonl") return jsonl_writer(stream);
  std::vector<std::string> before;
  std::vector<std::string> after;
  if (files.with_input) before = {"request"};
  if (files.errors == "skip") after = {"error", "line"};
  return csv_writer(stream, std::move(before), std::move(after));
}

}  // namespace

std::vector<std::string> LineFiles::problems() const {
  std::vector<std::string> found = path_problems(input, output);
  for (const auto& [path, format] : {std::pair{input, input_format}, std::pair{output, output_format}}) {
    try {
      if (!format) (void)format_of(path);
    } catch (const InputError& error) {
      found.insert(found.end(), error.problems().begin(), error.problems().end());
    }
  }
  return found;
}

Outcome answer_file(const AnySession& session, const LineFiles& files, const Json& defaults,
                    const std::vector<RequestField>& fields, std::ostream& standard) {
  std::ifstream file;
  if (files.input != "-") {
    file.open(files.input, std::ios::binary);
    if (!file) fail(files.input, errno);
  } else if ((fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE) == O_WRONLY) {  // the boundary opened it: it was closed
    fail("standard input", EBADF);
  }
  std::istream& source = file.is_open() ? static_cast<std::istream&>(file) : std::cin;
  OutputFile target(files.output, standard);
  const auto writer = make_writer(target.stream(), files);
  const auto reader = make_reader(source, files.input_format ? *files.input_format : format_of(files.input), fields,
                                  column_problems(fields, defaults, files.allow_extra));
  Outcome outcome;
  try {
    const bool to_first_bad = files.errors == "fail";  // where it ends everything, nothing after it is read
    const auto read = [&] { return read_chunk(*reader, to_first_bad); };
    for (Chunk chunk = read(); !chunk.empty(); chunk = read()) {
      auto next = chunk.begin();
      auto line = chunk.begin();
      const auto request = [&]() -> std::optional<AnySession::Answer> {
        if (next == chunk.end()) return std::nullopt;
        const auto& content = (next++)->content;
        if (const auto* error = std::get_if<InputError>(&content)) return *error;
        return with_defaults(std::get<Json>(content), defaults, fields, !files.allow_extra);
      };
      session.predict(request, [&](AnySession::Answer answer) {
        const auto* error = std::get_if<InputError>(&answer);
        ++(error ? outcome.skipped : outcome.answered);
        if (error) report(*line, *error, outcome.skipped, files);
        writer->write(output_record(*line, answer, files.with_input));
        ++line;
      });
      target.stream().flush();
    }
  } catch (const BertError&) {
    if (target.stream().good()) writer->keep();
    throw;
  }
  if (source.bad()) fail(files.input == "-" ? "standard input" : files.input, EIO);
  writer->finish();
  target.finish();
  return outcome;
}

}  // namespace bert_runtime::cli
