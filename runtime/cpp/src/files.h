// Files of a stranger, opened once and read within bounds.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace bert_runtime {

/// A file that could not be opened or read: the system's own words for it.
struct FileError {
  std::string reason;
};

/// A file mapped into memory, read only, for as long as this lives. Throws FileError.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  /// Empty for an empty file.
  [[nodiscard]] std::span<const unsigned char> bytes() const { return bytes_; }

 private:
  std::span<const unsigned char> bytes_;
};

/// The first `most` bytes of a file, or all there are. Throws FileError.
[[nodiscard]] std::string read_file(const std::filesystem::path& path, std::size_t most);

/// The SHA-256 of some bytes, in lower-case hexadecimal.
[[nodiscard]] std::string sha256_of(std::string_view bytes);

/// The SHA-256 of a file, in lower-case hexadecimal. Throws FileError.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace bert_runtime
