#include "descriptor_stream.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "boundary.h"

namespace bert_runtime::cli {
namespace {

/// Bytes that wait for `flush`; more are written at the next end of a line.
constexpr std::size_t kMostHeld = std::size_t{1} << 20;

}  // namespace

DescriptorStream::DescriptorStream(int descriptor, std::string name)
    : std::ostream(static_cast<std::streambuf*>(this)), descriptor_(descriptor), name_(std::move(name)) {
  exceptions(std::ios::badbit);  // what `sync` throws leaves `flush` as it is
}

DescriptorStream::~DescriptorStream() { close(descriptor_); }

std::streambuf::int_type DescriptorStream::overflow(std::streambuf::int_type character) {
  using Traits = std::char_traits<char>;
  if (Traits::eq_int_type(character, Traits::eof())) return Traits::not_eof(character);
  const char written = Traits::to_char_type(character);
  xsputn(&written, 1);
  return character;
}

std::streamsize DescriptorStream::xsputn(const char* text, std::streamsize size) {
  held_.append(text, static_cast<std::size_t>(size));
  if (held_.size() >= kMostHeld && held_.back() == '\n') sync();
  return size;
}

int DescriptorStream::sync() {
  const std::string held = std::exchange(held_, {});
  std::string_view rest = held;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written == -1 && errno == EINTR) continue;
    if (written == -1) cli::fail(name_, errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace bert_runtime::cli
