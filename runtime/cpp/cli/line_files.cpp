#include "line_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <system_error>
#include <utility>

#include "bert_runtime/errors.h"
#include "boundary.h"
#include "flags.h"
#include "format_limits.h"
#include "in_json.h"
#include "item_failure.h"
#include "live_lines.h"
#include "nearest.h"
#include "output_file.h"
#include "readers.h"
#include "texts.h"
#include "writers.h"

namespace bert_runtime::cli {
namespace {

namespace fs = std::filesystem;

Problems path_problems(const fs::path& source, const fs::path& target) {
  Problems problems;
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
    Problems problems;
    for (const RequestField& field : fields) {
      known.push_back(field.name);
      if (!field.is_required || defaults.contains(field.name)) continue;
      if (std::ranges::find(columns, field.name) != columns.end()) continue;
      problems.push_back({"missing-field", field.name,
                          "the column " + in_json(field.name) + " is missing; add it, or give " + flag_of(field.name) +
                              " for every line"});
    }
    std::vector<std::string> strange;
    std::string first;
    for (const std::string& name : columns) {
      const bool is_known = allow_extra || std::ranges::find(known, name) != known.end();
      if (is_known) continue;
      if (strange.empty()) first = name;
      if (std::ssize(strange) < kReported) strange.push_back(in_json(name) + nearest(name, known));
    }
    if (!strange.empty()) {
      problems.push_back({"unknown-field", first,
                          "unknown: the columns " + joined(strange) + "; the fields are " + joined(known) +
                              "; --allow-extra leaves other columns alone"});
    }
    return problems;
  };
}

/// The flag that may be missing.
std::string hint(const Line& line, const ItemError& error, const LineFiles& files) {
  const auto is_unknown = [](const Problem& problem) { return problem.code == "unknown-field"; };
  if (!files.allow_extra && std::ranges::any_of(error.problems(), is_unknown)) {
    return "; --allow-extra leaves other fields alone";
  }
  const bool is_guess = files.input == "-" && !files.input_format && line.number == 1;
  const bool is_json = error.problems().front().code != "not-json";
  return is_guess && !is_json ? "; for CSV add --input-format csv" : "";
}

/// Whether all that will be read is there already, as it is not in a pipe or a terminal.
bool is_file(const std::string& input) {
  struct stat found = {};
  return (input == "-" ? fstat(STDIN_FILENO, &found) : stat(input.c_str(), &found)) == 0 && S_ISREG(found.st_mode);
}

Json with_defaults(const Json& content, const Json& defaults, const std::vector<RequestField>& fields, bool all) {
  Json record = defaults;
  for (const auto& entry : content.items()) {
    const bool is_known = std::ranges::find(fields, entry.key(), &RequestField::name) != fields.end();
    if (all || is_known) record[entry.key()] = entry.value();
  }
  return record;
}

bool is_blank(const Line& line) {
  const ItemError* error = error_of<Json>(line.content);
  return error && error->problems().front().code == kBlank;
}

Json output_record(const Line& line, const AnySession::Answer& answer, bool with_input) {
  Json record = Json::object();
  const Json* content = std::get_if<Json>(&line.content);
  if (with_input && content) record["request"] = *content;
  if (is_blank(line)) return record;
  if (const ItemError* error = error_of<Json>(answer)) {
    record["error"] = told(error->problems());
    record["code"] = error->problems().front().code;
    record["field"] = error->problems().front().field;
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
void report(const Line& line, const ItemError& error, std::int64_t skipped, const LineFiles& files) {
  const std::string message =
      files.input + " line " + std::to_string(line.number) + ": " + told(error.problems()) + hint(line, error, files);
  if (files.errors == "fail") throw ItemError(message);
  if (skipped > kReported) return;
  const char* more = skipped == kReported ? "; further lines are named in the output only" : "";
  tell("skipped " + message + more);
}

/// Another reader, whose errors about the whole file name it.
class NamedReader final : public Reader {
 public:
  NamedReader(std::unique_ptr<Reader> reader, std::string name) : reader_(std::move(reader)), name_(std::move(name)) {}

  std::optional<Line> next() override {
    try {
      return reader_->next();
    } catch (const InputError& error) {
      Problems problems = error.problems();
      problems.front() = prefixed(name_ + ": ", problems.front());
      throw InputError(problems);
    }
  }

 private:
  std::unique_ptr<Reader> reader_;
  std::string name_;
};

std::unique_ptr<Writer> make_writer(const LineFiles& files) {
  const std::string format = files.output_format ? *files.output_format : format_of(files.output);
  if (format == "jsonl") return jsonl_writer();
  std::vector<std::string> before;
  std::vector<std::string> after;
  if (files.with_input) before = {"request"};
  if (files.errors == "skip") after = {"error", "code", "field", "line"};
  return csv_writer(std::move(before), std::move(after));
}

}  // namespace

std::vector<Problem> LineFiles::problems() const {
  Problems found = path_problems(input, output);
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
  const std::string name = files.input == "-" ? "standard input" : files.input;
  std::shared_ptr<std::ifstream> file;
  if (files.input != "-") {
    file = std::make_shared<std::ifstream>(files.input, std::ios::binary);
    if (!*file) fail(name, errno);
  } else if ((fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE) == O_WRONLY) {  // the boundary opened it: it was closed
    fail(name, EBADF);
  }
  std::istream& source = file ? static_cast<std::istream&>(*file) : std::cin;
  source.tie(nullptr);  // a thread that reads must not flush what this one writes
  OutputFile target(files.output, standard);
  const auto writer = make_writer(files);
  auto reader = make_reader(source, files.input_format ? *files.input_format : format_of(files.input), fields,
                            column_problems(fields, defaults, files.allow_extra));
  LiveLines lines(std::make_unique<NamedReader>(std::move(reader), name), file, !is_file(files.input));
  const bool to_first_bad = files.errors == "fail";  // where it ends everything, nothing after it is read
  bool has_ended = false;
  std::deque<Line> read;  // and not answered yet
  const auto request = [&]() -> std::optional<ItemAnswer<Json>> {
    if (read.empty()) target.stream().flush();  // the next line may be long in coming
    std::optional<Line> line = has_ended ? std::nullopt : lines.next();
    if (!line) return std::nullopt;
    const auto& content = read.emplace_back(std::move(*line)).content;
    has_ended = to_first_bad && error_of<Json>(content) && !is_blank(read.back());
    return attempted<Json>([&] {
      if (const auto failure = failure_of<Json>(content)) throw_failure(*failure);
      return with_defaults(std::get<Json>(content), defaults, fields, !files.allow_extra);
    });
  };
  Outcome outcome;
  std::int64_t index = 0;
  const auto told = [&](const AnySession::Answer& answer) {
    const Line& line = read.front();
    const auto text_of = [&](const AnySession::Answer& each) {
      return writer->text(output_record(line, each, files.with_input));
    };
    ItemAnswer<std::string> text =
        is_blank(line) ? ItemAnswer<std::string>(text_of(answer))
                       : converted<std::string>(answer, index, [&](const Json&) { return text_of(answer); });
    ++index;
    const ItemError* error = error_of<std::string>(text);
    ++(error ? outcome.skipped : outcome.answered);
    if (error) {
      report(line, *error, outcome.skipped, files);
      text = text_of(answer_of<Json>(*failure_of<std::string>(text)));
    }
    target.stream() << std::get<std::string>(text);
    read.pop_front();
  };
  try {
    session.predict(request, told, [&] { return has_ended || lines.is_due(); });
  } catch (const BertError&) {
    if (target.stream().good()) target.stream() << writer->kept();
    throw;
  }
  if (source.bad()) fail(name, EIO);
  target.stream() << writer->rest();
  target.finish();
  return outcome;
}

}  // namespace bert_runtime::cli
