// Where the command begins and ends: its streams, its signals, its exit code, and the words for an error.
#pragma once

#include <exception>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace bert_runtime::cli {

inline constexpr int kDone = 0;
inline constexpr int kWrongInput = 2;
inline constexpr int kReaderGone = 141;

/// Whoever reads what is written has gone: no error that anybody wants to read.
class ReaderGone : public std::exception {};

/// Runs `body` with standard output, which it alone writes to: what libraries print goes to standard error meanwhile.
/// Returns the exit code.
[[nodiscard]] int run_command(const std::function<int(std::ostream&)>& body);

/// A line on standard error; where nobody can read it, the work goes on.
void tell(const std::string& message);

/// A line that follows the error which ends the command.
void add_note(std::string note);

/// Text with control characters written as escapes: no text steers the terminal.
[[nodiscard]] std::string printable(std::string_view text);

/// Throws InputError: the file, what the system says of it (`number` is an errno), and what to do where that is known;
/// or ReaderGone.
[[noreturn]] void fail(const std::string& file, int number);

}  // namespace bert_runtime::cli
