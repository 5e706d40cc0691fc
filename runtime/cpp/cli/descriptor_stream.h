// A stream to a descriptor, which throws what the system refuses.
#pragma once

#include <ostream>
#include <streambuf>
#include <string>

namespace bert_runtime::cli {

/// Holds what is written until `flush`, or until it is much and a line ends, so that a file ends with a whole line
/// whenever the process ends.
class DescriptorStream final : private std::streambuf, public std::ostream {
 public:
  /// The descriptor is the stream's from now on; `name` is what errors call it.
  DescriptorStream(int descriptor, std::string name);
  DescriptorStream(const DescriptorStream&) = delete;
  DescriptorStream& operator=(const DescriptorStream&) = delete;
  ~DescriptorStream() override;

 private:
  std::streambuf::int_type overflow(std::streambuf::int_type character) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  /// Writes what is held. Throws as `fail` does.
  int sync() override;

  int descriptor_;
  std::string name_;
  std::string held_;
};

}  // namespace bert_runtime::cli
