#include "line_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>
#include <utility>

#include "bert_runtime/errors.h"
#include "readers.h"
#include "texts.h"
#include "writers.h"

namespace bert_runtime::cli {
namespace {

namespace fs = std::filesystem;

/// How many skipped lines are named on standard error; the output names them all.
constexpr std::int64_t kReported = 20;

fs::path part_of(const fs::path& target) { return target.string() + ".part"; }

std::vector<std::string> path_problems(const fs::path& source, const fs::path& target) {
  std::vector<std::string> problems;
  std::error_code none;
  if (source != "-" && !fs::exists(source, none)) {
    problems.push_back("--input " + source.string() + " does not exist, expected a file, or - for standard input");
  } else if (fs::is_directory(source, none)) {
    problems.push_back("--input " + source.string() + " is a directory, expected a file");
  }
  if (target == "-") return problems;
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

[[noreturn]] void fail(const fs::path& path) { throw InputError(path.string() + ": " + std::strerror(errno)); }

/// A file that appears under its name once it is whole; after a failure, what was written stays in its part, and `note`
/// says so.
class Target {
 public:
  Target(const std::string& path, std::string& note) : path_(path), note_(note) {
    if (path == "-") return;
    std::error_code none;
    path_ = fs::weakly_canonical(path, none);
    // A pipe or a device cannot be renamed.
    is_part_ = !fs::exists(path_, none) || fs::is_regular_file(path_, none);
    file_.open(is_part_ ? part_of(path_) : path_, std::ios::binary | std::ios::trunc);
    if (!file_) fail(path_);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  ~Target() {
    if (!is_part_) return;
    std::error_code none;
    file_.close();
    if (fs::file_size(part_of(path_), none) == 0) {
      fs::remove(part_of(path_), none);
    } else if (!none) {
      note_ = "what was answered before is in " + part_of(path_).string();
    }
  }

  [[nodiscard]] std::ostream& stream() { return file_.is_open() ? static_cast<std::ostream&>(file_) : std::cout; }

  /// What has been written is with the system. Throws InputError: it has no room for it.
  void flush() {
    if (!stream().flush()) fail(path_);
  }

  void finish() {
    flush();
    if (!is_part_) return;
    file_.close();
    std::error_code error;
    fs::rename(part_of(path_), path_, error);
    if (error) throw InputError(path_.string() + ": " + error.message());
    is_part_ = false;
  }

 private:
  fs::path path_;
  std::string& note_;
  bool is_part_ = false;
  std::ofstream file_;
};

/// Some lines, and the place of the next that can be asked about.
using Chunk = std::vector<Line>;

Chunk read_chunk(Reader& reader) {
  Chunk chunk;
  while (chunk.size() < kLookahead) {
    std::optional<Line> line = reader.next();
    if (!line) break;
    chunk.push_back(std::move(*line));
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
      files.input + " line " + std::to_string(line.number) + ": " + joined(error.problems(), "; ");
  if (files.errors == "fail") throw InputError(message);
  if (skipped > kReported) return;
  const char* more = skipped == kReported ? "; further lines are named in the output only" : "";
  std::cerr << "bert-run: skipped " << encodable(message) << more << "\n";
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
                    const std::vector<RequestField>& fields, std::string& note) {
  std::ifstream file;
  if (files.input != "-") {
    file.open(files.input, std::ios::binary);
    if (!file) fail(files.input);
  }
  std::istream& source = file.is_open() ? static_cast<std::istream&>(file) : std::cin;
  Target target(files.output, note);
  const auto writer = make_writer(target.stream(), files);
  const auto reader = make_reader(source, files.input_format ? *files.input_format : format_of(files.input), fields);
  Outcome outcome;
  try {
    for (Chunk chunk = read_chunk(*reader); !chunk.empty(); chunk = read_chunk(*reader)) {
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
      target.flush();
    }
  } catch (...) {
    writer->finish();
    target.flush();
    throw;
  }
  writer->finish();
  target.finish();
  return outcome;
}

}  // namespace bert_runtime::cli
