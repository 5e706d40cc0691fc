#include "files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace bert_runtime {
namespace {

[[noreturn]] void fail() { throw FileError{std::strerror(errno)}; }

/// An open file, closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number_ < 0) fail();
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(number_); }

  [[nodiscard]] int number() const { return number_; }

  /// Up to `size` bytes; 0 at the end.
  std::size_t read(char* buffer, std::size_t size) const {
    ssize_t got = 0;
    do {
      got = ::read(number_, buffer, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) fail();
    return static_cast<std::size_t>(got);
  }

 private:
  int number_;
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
  }

  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

  [[nodiscard]] std::string hexadecimal() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    static constexpr char kHex[] = "0123456789abcdef";
    std::string text;
    for (unsigned int i = 0; i < size; ++i) text += {kHex[digest[i] >> 4], kHex[digest[i] & 15]};
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file(path);
  struct stat status = {};
  if (::fstat(file.number(), &status) != 0) fail();
  if (status.st_size == 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (start == MAP_FAILED) fail();
  bytes_ = {static_cast<const unsigned char*>(start), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<unsigned char*>(bytes_.data()), bytes_.size());
}

std::string read_file(const std::filesystem::path& path, std::size_t most) {
  constexpr std::size_t kChunk = std::size_t{1} << 16;
  const Descriptor file(path);
  std::string content;
  while (content.size() < most) {
    const std::size_t before = content.size();
    content.resize(before + std::min(kChunk, most - before));
    const std::size_t got = file.read(content.data() + before, content.size() - before);
    content.resize(before + got);
    if (got == 0) break;
  }
  return content;
}

std::string sha256_of(std::string_view bytes) {
  Sha256 digest;
  digest.add(bytes);
  return digest.hexadecimal();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  constexpr std::size_t kChunk = std::size_t{1} << 18;
  const Descriptor file(path);
  Sha256 digest;
  std::vector<char> buffer(kChunk);
  while (const std::size_t got = file.read(buffer.data(), buffer.size())) digest.add({buffer.data(), got});
  return digest.hexadecimal();
}

}  // namespace bert_runtime
