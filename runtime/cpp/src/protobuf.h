// The wire format of protocol buffers, read by a table of messages: a look into an ONNX file before an engine has it.
//
// The format is that of https://protobuf.dev/programming-guides/encoding. Readers differ in what they make of unusual
// bytes: some cut a tag to 32 bits, merge a message that stands twice, or skip a field that they do not know. A file is
// therefore refused unless it is written as every writer does, in fields of the table: every reader then reads the same.
// Payloads are skipped, not copied, so that a file of gigabytes costs as little as the number of its fields.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "format_limits.h"

namespace bert_runtime {

/// The bytes [start, stop) of a file: a message, or a string.
struct Bytes {
  std::size_t start = 0;
  std::size_t stop = 0;
};

/// A varint, or a length-delimited field; the table of messages says which.
struct WireField {
  std::uint64_t number = 0;
  std::uint64_t value = 0;
  Bytes bytes = {};
};

/// What one field of a message may be.
struct FieldRule {
  unsigned wire_types = 0;  ///< Those that it may have, as bits; none: there is no such field.
  bool is_single = false;   ///< It stands at most once.
  bool is_narrow = false;   ///< Its integers have 32 bits.
  unsigned packed = 0;      ///< The width of the numbers that may stand packed in it: 1 for varints, 4, 8; 0: none.
  int message = -1;         ///< Of the message that it holds, an index into the table of messages.
};

/// The fields of one kind of message, by number.
struct Message {
  std::string_view name;
  std::array<FieldRule, 32> fields = {};

  constexpr Message(std::string_view name, std::initializer_list<std::pair<std::size_t, FieldRule>> numbered)
      : name(name) {
    for (const auto& [number, field] : numbered) fields[number] = field;
  }
  /// A field that accepts nothing where the table has none.
  [[nodiscard]] constexpr FieldRule field(std::uint64_t number) const {
    return number < fields.size() ? fields[number] : FieldRule{};
  }
};

/// One file's bytes, which outlive it. It counts the fields that are read: a file made of empty fields must not take
/// for ever.
class Wire {
 public:
  explicit Wire(std::span<const unsigned char> buffer) : buffer_(buffer) {}

  [[nodiscard]] Bytes whole() const { return {0, buffer_.size()}; }

  /// Calls `see` with each varint or length-delimited field of a message.
  ///
  /// Throws BundleError: the message is cut off, is no protocol buffer, holds what its table does not, or makes the file
  /// exceed `kMaxFields`.
  template <class See>
  void fields(Bytes bytes, const Message& message, See see) {
    WireField field;
    std::uint32_t seen = 0;
    for (std::size_t place = bytes.start; next(place, bytes.stop, message, seen, field);) see(field);
  }

  /// A string field. Throws BundleError: it is no UTF-8, or too long for a name.
  [[nodiscard]] std::string text(const WireField& field) const;

 private:
  /// Reads the field at `place`, and skips those of fixed width; false at the end. `seen` has a bit for each number.
  bool next(std::size_t& place, std::size_t stop, const Message& message, std::uint32_t& seen, WireField& field);
  std::uint64_t varint(std::size_t& place, std::size_t stop) const;
  void check_packed(Bytes bytes, unsigned width) const;
  static std::size_t end(std::size_t start, std::uint64_t length, std::size_t stop);

  std::span<const unsigned char> buffer_;
  std::int64_t left_ = kMaxFields;
};

}  // namespace bert_runtime
