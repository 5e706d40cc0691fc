// The wire format of protocol buffers, read without a schema: enough to look into an ONNX file before an engine does.
//
// The format is that of https://protobuf.dev/programming-guides/encoding. Payloads are skipped, not copied, so that a
// file of gigabytes costs as little as the number of its fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace bert_runtime {

/// The bytes [start, stop) of a file: a message, or a string.
struct Bytes {
  std::size_t start = 0;
  std::size_t stop = 0;
};

/// A varint, or a length-delimited field.
struct WireField {
  std::uint64_t number = 0;
  bool is_bytes = false;
  std::uint64_t value = 0;
  Bytes bytes = {};

  /// The message that it holds. Throws BundleError where it is a number.
  [[nodiscard]] Bytes message() const;
};

inline constexpr std::int64_t kMaxFields = std::int64_t{1} << 20;
inline constexpr std::size_t kMaxString = std::size_t{1} << 16;

/// A set of field numbers below 64.
class FieldNumbers {
 public:
  template <class... Numbers>
  explicit constexpr FieldNumbers(Numbers... numbers) : bits_((... | (std::uint64_t{1} << numbers))) {}
  [[nodiscard]] constexpr bool has(std::uint64_t number) const { return number < 64 && (bits_ >> number & 1) != 0; }

 private:
  std::uint64_t bits_;
};

/// One file's bytes, which outlive it. It counts the fields that are read: a file made of empty fields must not take
/// for ever.
class Wire {
 public:
  explicit Wire(std::span<const unsigned char> buffer) : buffer_(buffer) {}

  [[nodiscard]] Bytes whole() const { return {0, buffer_.size()}; }

  /// Calls `see` with each varint or length-delimited field of a message whose number is wanted.
  ///
  /// Throws BundleError: the message is cut off, is no protocol buffer, or makes the file exceed `kMaxFields`.
  template <class See>
  void fields(Bytes message, FieldNumbers wanted, See see) {
    WireField field;
    for (std::size_t place = message.start; next(place, message.stop, field);) {
      if (wanted.has(field.number)) see(field);
    }
  }

  /// A string field. Throws BundleError: it is no UTF-8, or too long for a name.
  [[nodiscard]] std::string text(const WireField& field) const;

 private:
  /// Reads the field at `place`, and skips those of fixed width; false at the end.
  bool next(std::size_t& place, std::size_t stop, WireField& field);
  std::uint64_t varint(std::size_t& place, std::size_t stop) const;
  static std::size_t end(std::size_t start, std::uint64_t length, std::size_t stop);

  std::span<const unsigned char> buffer_;
  std::int64_t left_ = kMaxFields;
};

}  // namespace bert_runtime
