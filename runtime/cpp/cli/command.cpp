#include "command.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "bert_runtime/bert_runtime.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/tasks/tasks.h"
#include "boundary.h"
#include "flags.h"
#include "in_json.h"
#include "nearest.h"
#include "target.h"
#include "texts.h"

namespace bert_runtime::cli {
namespace {

const std::vector<Flag> kFlags = {{"--version", "version", Takes::nothing},
                                  {"--help", "help", Takes::nothing},
                                  {"-h", "help", Takes::nothing},
                                  {"--describe", "describe", Takes::nothing},
                                  {"--self-test", "self_test", Takes::nothing},
                                  {"--json", "json", Takes::nothing},
                                  {"--input", "input"},
                                  {"--output", "output"},
                                  {"--input-format", "input-format"},
                                  {"--output-format", "output-format"},
                                  {"--with-input", "with-input", Takes::nothing},
                                  {"--allow-extra", "allow-extra", Takes::nothing},
                                  {"--errors", "errors"},
                                  {"--target", "target"},
                                  {"--threads", "threads"},
                                  {"--cache", "cache"},
                                  {"--encoder", "encoder"},
                                  {"--max-batch-tokens", "max_batch_tokens"},
                                  {"--max-batch-size", "max_batch_size"},
                                  {"--max-padding", "max_padding"},
                                  {"--pad-to-multiple-of", "pad_to_multiple_of"},
                                  {"--max-wait", "max_wait"},
                                  {"--mode", "mode"}};
constexpr const char* kExplains = "; bert-run DIR --help explains the flags";

constexpr const char* kHelp = R"(usage: bert_run DIR [flags of the bundle's task] [flags]

Answer with a bundle that bert-export made: one request by flags, or a file of
them. Every answer is JSON on a line.

  --describe             print what the bundle is and how it was verified
  --self-test            ask the requests that the bundle carries with torch's
                         answers, and print how each artefact that runs here
                         answers them; exit code 1 where one does not as it did
                         when it was exported
  --input FILE           read requests from FILE; - is standard input
  --output FILE          write answers to FILE; - is standard output (default)
  --input-format F       jsonl or csv; default: by extension, jsonl for -
  --output-format F      the same for the output
  --with-input           repeat each line's own fields as `request`
  --allow-extra          leave fields alone that the task does not know
  --errors fail|skip     stop at the first line that cannot be answered, or
                         write {"error", "code", "field", "line"} for it
  --target T             the artefact to run, never another (default: auto)
  --threads N            default: the CPUs this process may use
  --max-batch-tokens N   tokens in a batch, padding included, at most
  --max-batch-size N     rows in a batch, at most
  --max-padding SHARE    of a batch, at most
  --max-wait SECONDS     for the next line of --input; then what was read is
                         answered, however small the batch (default: 0.05)
  --mode M               latency: a batch at a time, with all threads;
                         throughput: several batches at once; auto (default):
                         throughput for a file, latency for a request and for
                         what comes through a pipe
  --pad-to-multiple-of N
                         widths of batches are round multiples of so many tokens
  --json, --cache DIR
                         for the same command line as the Python bert-run: the
                         answer is JSON in any case, and no engine here compiles
                         what could be kept
  --encoder DIR          for a decoder that reads an encoder: the bundle that
                         reads --encoder-text
  --version, --help

Each text flag, such as --x, also exists as --x-file FILE, which reads it from a
UTF-8 file. With --input the flags of the task are the defaults of every line.
The environment variable BERT_RUNTIME_ONNXRUNTIME names ONNX Runtime's library.

Lines that come through a pipe are answered, and written, whenever the next line
is not there yet.

exit codes: 0 done, 2 the input is wrong or no line of it could be answered,
3 some lines were skipped, 130 interrupted, 141 the output's reader went away
)";

/// Words within 80 columns, the later lines indented.
std::string wrapped(const std::vector<std::string>& words, const std::string& indent) {
  constexpr std::size_t kWidth = 80;
  std::string text;
  std::string line = "  ";
  for (const std::string& word : words) {
    if (line.size() + word.size() >= kWidth) text += std::exchange(line, indent) + "\n";
    line += (line.ends_with(' ') ? "" : " ") + word;
  }
  return text + line + "\n";
}

/// The flags of a request's fields; those that may be left out in brackets.
std::vector<std::string> taken(const std::vector<RequestField>& fields) {
  std::vector<std::string> flags;
  for (const RequestField& field : fields) {
    flags.push_back(field.is_required ? flag_of(field.name) : "[" + flag_of(field.name) + "]");
  }
  return flags;
}

void help(std::ostream& output) {
  output << kHelp << "\nflags by task:\n";
  for (const Task* task : tasks()) {
    std::vector<std::string> names = {task->name};
    names.insert(names.end(), task->aliases.begin(), task->aliases.end());
    std::vector<std::string> flags = taken(fields_of(task->name));
    flags.insert(flags.begin(), joined(names, " = ") + ":");
    output << wrapped(flags, "    ");
  }
}

/// Whether --help or --version was there, and has been answered.
bool is_answered(const Given& given, std::ostream& output) {
  if (given.contains("help")) help(output);
  if (given.contains("version")) output << "bert_run " << bert_runtime_version() << "\n";
  return given.contains("help") || given.contains("version");
}

std::optional<std::int64_t> integer(const Given& given, const std::string& name) {
  const auto found = given.find(name);
  if (found == given.end()) return std::nullopt;
  const Json value = from_text(found->second.front(), FieldKind::integer);
  if (value.is_number_integer()) return value.get<std::int64_t>();
  throw InputError("argument " + flag_of(name) + ": got " + in_json(found->second.front()) +
                   ", expected a whole number" + kExplains);
}

std::optional<double> number(const Given& given, const std::string& name) {
  const auto found = given.find(name);
  if (found == given.end()) return std::nullopt;
  const Json value = from_text(found->second.front(), FieldKind::number);
  if (value.is_number()) return value.get<double>();
  throw InputError("argument " + flag_of(name) + ": got " + in_json(found->second.front()) + ", expected a number" +
                   kExplains);
}

std::optional<std::string> choice(const Given& given, const std::string& name,
                                  const std::vector<std::string>& options) {
  const auto found = given.find(name);
  if (found == given.end()) return std::nullopt;
  const std::string& word = found->second.front();
  for (const std::string& option : options) {
    if (word == option) return word;
  }
  throw InputError("argument " + flag_of(name) + ": " + not_one_of(word, options) + kExplains);
}

/// What `--mode auto` means here: a file is bulk work; who writes into a pipe waits for the answers.
std::string mode(const Given& given, const Task& task) {
  std::string asked = choice(given, "mode", {"auto", "latency", "throughput"}).value_or("auto");
  if (asked != "auto") return asked;
  const bool is_file = given.contains("input") && given.at("input").front() != "-";
  return is_file && !task.is_autoregressive ? "throughput" : "latency";
}

/// Throws InputError: there is no such target.
std::string target(const std::string& name) {
  std::vector<std::string> known = target_names();
  known.insert(known.begin(), "auto");
  if (std::ranges::find(known, name) != known.end()) return name;
  throw InputError("argument --target: " + not_one_of(name, known));
}

Options options(const Given& given, const Task& task) {
  Options found;
  found.warn = [](const std::string& text) { tell("warning: " + text); };
  if (given.contains("target")) found.target = target(given.at("target").front());
  if (given.contains("encoder")) found.encoder = given.at("encoder").front();
  found.threads = integer(given, "threads");
  found.batch_limits.max_batch_tokens =
      integer(given, "max_batch_tokens").value_or(found.batch_limits.max_batch_tokens);
  found.batch_limits.max_batch_size = integer(given, "max_batch_size").value_or(found.batch_limits.max_batch_size);
  found.batch_limits.max_padding = number(given, "max_padding").value_or(found.batch_limits.max_padding);
  found.batch_limits.pad_to_multiple_of = integer(given, "pad_to_multiple_of");
  found.batch_limits.max_wait = number(given, "max_wait").value_or(found.batch_limits.max_wait);
  raise_input_problems(found.batch_limits.problems());
  found.mode = mode(given, task);
  raise_input_problems(found.problems());
  return found;
}

/// The files that the flags name; nothing for one request by flags.
std::optional<LineFiles> files(const Given& given) {
  LineFiles found;
  found.input_format = choice(given, "input-format", {"jsonl", "csv"});
  found.output_format = choice(given, "output-format", {"jsonl", "csv"});
  found.errors = choice(given, "errors", {"fail", "skip"}).value_or("fail");
  if (given.contains("input")) {
    found.input = given.at("input").front();
    if (given.contains("output")) found.output = given.at("output").front();
    found.with_input = given.contains("with-input");
    found.allow_extra = given.contains("allow-extra");
    raise_input_problems(found.problems());
    return found;
  }
  std::vector<std::string> alone;
  for (const char* name : {"output", "input-format", "output-format", "with-input", "allow-extra"}) {
    if (given.contains(name)) alone.push_back(std::string("--") + name);
  }
  if (found.errors != "fail") alone.push_back("--errors");
  if (alone.empty()) return std::nullopt;
  throw InputError("got " + joined(alone) + " without --input FILE, expected requests from a file with it");
}

std::string needed(const std::vector<RequestField>& fields) {
  std::vector<std::string> flags;
  for (const RequestField& field : fields) {
    if (field.is_required) flags.push_back(flag_of(field.name));
  }
  return joined(flags, " ");
}

}  // namespace

std::optional<Command> parse(const std::vector<std::string>& arguments, std::ostream& output) {
  if (arguments.empty() || arguments.front().starts_with('-')) {
    if (!arguments.empty() && is_answered(read_flags({arguments.front()}, kFlags), output)) return std::nullopt;
    throw InputError(
        "got no bundle, expected its directory first: bert-run DIR [flags]; bert-run --help lists the "
        "flags by task");
  }
  Command command;
  command.bundle = read_bundle(arguments.front());
  const std::vector<RequestField> fields = fields_of(command.bundle.manifest.task);
  std::vector<Flag> flags = request_flags(fields);
  flags.insert(flags.end(), kFlags.begin(), kFlags.end());
  const std::string takes = "; " + command.bundle.manifest.task + " takes " + joined(taken(fields), " ");
  const Given given = read_flags({arguments.begin() + 1, arguments.end()}, flags, takes);
  if (is_answered(given, output)) return std::nullopt;
  command.fields = request_record(given, fields);
  command.files = files(given);
  command.describe = given.contains("describe");
  command.self_test = given.contains("self_test");
  if (command.fields.empty() && !command.files && !command.describe && !command.self_test) {
    throw InputError("got no request, expected " + needed(fields) + ", or --input FILE, or --describe");
  }
  command.options = options(given, find_task(command.bundle.manifest.task));
  return command;
}

}  // namespace bert_runtime::cli
