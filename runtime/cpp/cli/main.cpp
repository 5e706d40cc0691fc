// The plot of `bert_run`: parse, load, answer; and what an error looks like.
#include <algorithm>
#include <array>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/early_opening.h"
#include "bert_runtime/errors.h"
#include "command.h"
#include "describe.h"
#include "flags.h"
#include "texts.h"

namespace {

using namespace bert_runtime;

constexpr int kDone = 0;
constexpr int kWrongInput = 2;

void print(const Json& answer) { std::cout << dumps(answer.is_object() ? answer : Json{{"result", answer}}) << "\n"; }

void run(const cli::Command& command, std::string& note) {
  if (command.describe) return print(cli::describe(command.bundle));
  const auto session = start_any(command.bundle, command.options);
  if (!command.files) return print(session->answer(command.fields));
  const auto fields = cli::fields_of(command.bundle.manifest.task);
  const cli::Outcome outcome = cli::answer_file(*session, *command.files, command.fields, fields, note);
  if (outcome.skipped == 0) return;
  std::cerr << "bert-run: " << outcome.skipped << " of " << outcome.answered + outcome.skipped << " lines skipped\n";
}

/// Whether these flags ask for something that a bundle says without ONNX Runtime.
bool only_describes(const std::vector<std::string>& flags) {
  static constexpr std::array<std::string_view, 4> kWithout = {"--describe", "--help", "-h", "--version"};
  return std::ranges::find_first_of(flags, kWithout) != flags.end();
}

}  // namespace

int main(int count, char** arguments) {
  std::ios::sync_with_stdio(false);
  std::string note;
  try {
    const std::vector<std::string> given(arguments + 1, arguments + count);
    std::optional<EarlyOpening> opening;  // while the bundle is read
    if (!only_describes(given)) opening.emplace(std::nullopt);
    if (const auto command = cli::parse(given)) run(*command, note);
    std::cout.flush();
    return kDone;
  } catch (const std::exception& error) {
    std::cout.flush();
    std::cerr << "bert-run: " << encodable(error.what()) << "\n";
    if (!note.empty()) std::cerr << "bert-run: " << note << "\n";
    return kWrongInput;
  }
}
