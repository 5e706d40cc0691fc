#include "boundary.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/utf8.h"
#include "descriptor_stream.h"
#include "json_text.h"
#include "output_file.h"

namespace bert_runtime::cli {
namespace {

/// Closed streams are opened such that no file takes their number, and that using them is an error.
void fill_closed() {
  for (const auto& [number, flags] : {std::pair{0, O_WRONLY}, {1, O_RDONLY}, {2, O_WRONLY}}) {
    if (fcntl(number, F_GETFD) == -1 && errno == EBADF) (void)open("/dev/null", flags);  // the lowest free number
  }
}

/// May run at any time, hence only what POSIX allows a signal handler to call.
void stop(int number) {
  const std::string_view word = number == SIGINT ? "bert-run: interrupted\n" : "bert-run: terminated\n";
  (void)!write(STDERR_FILENO, word.data(), word.size());
  keep_unfinished_output();
  _exit(128 + number);
}

void handle_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction before = {};
    sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_DFL) continue;  // whoever ignores a signal, as nohup does, goes on doing so
    struct sigaction action = {};
    action.sa_handler = stop;
    sigaction(number, &action, nullptr);
  }
}

/// The code points of the categories Cc, Cf, Zl and Zp, without the joiner of emoji.
constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 25> kSteering = {{
    {0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
    {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},     {0x180E, 0x180E},
    {0x200B, 0x200C},   {0x200E, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x2064},   {0x2066, 0x206F},
    {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x13438},
    {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0001, 0xE0001}, {0xE0020, 0xE007F}, {0xD800, 0xDFFF},
}};

std::string escaped(std::uint32_t character) {
  if (character == '\n') return "\\n";
  if (character == '\r') return "\\r";
  if (character == '\t') return "\\t";
  std::array<char, 16> text{};
  const char* format = character < 0x100 ? "\\x%02x" : character < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(text.data(), text.size(), format, static_cast<unsigned>(character));
  return text.data();
}

/// The code point of one well-formed sequence of UTF-8.
std::uint32_t decoded(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence.front());
  if (sequence.size() == 1) return first;
  std::uint32_t value = first & (0xFFU >> (sequence.size() + 1));
  for (const char c : sequence.substr(1)) value = value << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  return value;
}

std::size_t sequence_size(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

std::vector<std::string>& notes() {
  static std::vector<std::string> added;
  return added;
}

int explained(const std::string& message) {
  tell(message);
  for (const std::string& note : notes()) tell(note);
  return kWrongInput;
}

int guarded(const std::function<int(std::ostream&)>& body, std::ostream& output) {
  try {
    const int code = body(output);
    output.flush();
    return code;
  } catch (const ReaderGone&) {
    return kReaderGone;
  } catch (const std::bad_alloc&) {
    return explained("out of memory; give it more, or make batches smaller");
  } catch (const std::exception& error) {
    return explained(error.what());
  }
}

}  // namespace

int run_command(const std::function<int(std::ostream&)>& body) {
  fill_closed();
  handle_signals();
  const int own = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (own == -1 || dup2(STDERR_FILENO, STDOUT_FILENO) == -1) return explained("standard output cannot be used");
  DescriptorStream output(own, "standard output");
  const int code = guarded(body, output);
  try {
    output.flush();  // what was answered before an error
  } catch (const std::exception&) {
    // The error that was told came first.
  }
  return code;
}

void add_note(std::string note) { notes().push_back(std::move(note)); }

void tell(const std::string& message) {
  const std::string line = "bert-run: " + printable(encodable(message)) + "\n";
  (void)!write(STDERR_FILENO, line.data(), line.size());
}

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t size = sequence_size(text.front());
    if (first_broken_utf8(text.substr(0, size)) < std::min(size, text.size())) {
      shown += escaped(static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    const std::uint32_t character = decoded(text.substr(0, size));
    bool is_steering = false;
    for (const auto& [first, last] : kSteering) is_steering |= first <= character && character <= last;
    shown += is_steering ? escaped(character) : std::string(text.substr(0, size));
    text.remove_prefix(size);
  }
  return shown;
}

void fail(const std::string& file, int number) {
  if (number == EPIPE) throw ReaderGone();
  const bool is_closed = number == EBADF && file.starts_with("standard ");
  std::string message = file + ": " + (is_closed ? "it is closed" : std::strerror(number));
  if (number == ENOSPC || number == EDQUOT) message += "; free some space, or write elsewhere";
  if (number == EACCES) message += "; change its permissions, or name another";
  if (number == EROFS) message += "; name a place that can be written to";
  if (number == EBADF) message += "; open it, or name a file";
  throw InputError(message);
}

}  // namespace bert_runtime::cli
