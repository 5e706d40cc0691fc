// The plot of `bert_run`: parse, load, answer.
#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/early_opening.h"
#include "bert_runtime/errors.h"
#include "boundary.h"
#include "command.h"
#include "describe.h"
#include "flags.h"
#include "self_test.h"
#include "texts.h"

namespace {

using namespace bert_runtime;

using cli::kDone;

int print(const Json& answer, std::ostream& output) {
  output << dumps(answer.is_object() ? answer : Json{{"result", answer}}) << "\n";
  return kDone;
}

int run(const cli::Command& command, std::ostream& output) {
  if (command.describe) return print(cli::describe(command.bundle), output);
  if (command.self_test) return cli::self_test(command.bundle, command.options, output);
  const auto session = start_any(command.bundle, command.options);
  if (!command.files) return print(session->answer(command.fields), output);
  const auto fields = cli::fields_of(command.bundle.manifest.task);
  const cli::Outcome outcome = cli::answer_file(*session, *command.files, command.fields, fields, output);
  if (outcome.skipped == 0) return kDone;
  const std::int64_t lines = outcome.answered + outcome.skipped;
  cli::tell(std::to_string(outcome.skipped) + " of " + std::to_string(lines) + " lines skipped");
  return outcome.exit_code();
}

/// Whether these flags ask for something that a bundle says without ONNX Runtime.
bool only_describes(const std::vector<std::string>& flags) {
  static constexpr std::array<std::string_view, 4> kWithout = {"--describe", "--help", "-h", "--version"};
  return std::ranges::find_first_of(flags, kWithout) != flags.end();
}

}  // namespace

int main(int count, char** arguments) {
  std::ios::sync_with_stdio(false);
  return cli::run_command([&](std::ostream& output) {
    const std::vector<std::string> given(arguments + 1, arguments + count);
    std::optional<EarlyOpening> opening;  // while the bundle is read
    if (!only_describes(given)) opening.emplace(std::nullopt);
    const auto command = cli::parse(given, output);
    return command ? run(*command, output) : kDone;
  });
}
