// An output file: nobody sees it before it is whole, and no two processes write into one.
#pragma once

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

#include "descriptor_stream.h"

namespace bert_runtime::cli {

/// A stream to a path, or to standard output where that is meant.
///
/// A file is written under a temporary name beside it and renamed by `finish`. After a failure, what was written is in
/// `part_of(path)`, and standard error says so. What a killed process left behind is written over.
class OutputFile {
 public:
  /// Throws InputError: the file cannot be written, or too many processes write to this name.
  OutputFile(const std::string& path, std::ostream& standard);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  [[nodiscard]] std::ostream& stream() { return file_ ? *file_ : standard_; }

  /// What was written is the file now. Throws InputError: it cannot be.
  void finish();

 private:
  std::ostream& standard_;
  std::filesystem::path target_;
  std::filesystem::path temporary_;  ///< Empty: there is nothing to rename.
  std::unique_ptr<DescriptorStream> file_;
};

/// Where the answers before a failure are kept.
[[nodiscard]] std::filesystem::path part_of(const std::filesystem::path& target);

/// Whether the path means standard output.
[[nodiscard]] bool is_standard_output(const std::string& path);

/// Renames the unfinished file, if there is one, to `part_of` and says so; removes it where it is empty. For a signal
/// handler.
void keep_unfinished_output();

}  // namespace bert_runtime::cli
