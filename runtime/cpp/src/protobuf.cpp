#include "protobuf.h"

#include "bert_runtime/errors.h"
#include "bert_runtime/utf8.h"

namespace bert_runtime {
namespace {

enum Kind : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

constexpr std::uint64_t kMostInt32 = 0x7fffffff;
constexpr std::uint64_t kLeastInt32 = 0xffffffff80000000;

/// What is wrong with a field that the table does not hold.
std::string refusal(std::uint64_t tag, std::size_t at, const Message& message) {
  const std::uint64_t number = tag >> 3;
  const auto kind = static_cast<unsigned>(tag & 7);
  const std::string byte = " at byte " + std::to_string(at);
  if (tag > kMaxTag) return "is no protocol buffer: the tag " + std::to_string(tag) + byte + " exceeds 32 bits";
  if (kind != kVarint && kind != kFixed64 && kind != kBytes && kind != kFixed32) {
    return "is no protocol buffer: wire type " + std::to_string(kind) + byte + ", expected 0, 1, 2 or 5";
  }
  const std::string field = "field " + std::to_string(number);
  const std::string name(message.name);
  if (message.field(number).wire_types == 0) {
    return "has " + field + " in a " + name + byte + ", which a BERT model's graph does not have";
  }
  return "is no protocol buffer of ONNX: " + field + " of a " + name + byte + " has wire type " + std::to_string(kind);
}

}  // namespace

std::string Wire::text(const WireField& field) const {
  const std::size_t size = field.bytes.stop - field.bytes.start;
  if (size > kMaxString) {
    throw BundleError("has a name of " + std::to_string(size) + " bytes, expected at most " +
                      std::to_string(kMaxString));
  }
  const auto bytes = buffer_.subspan(field.bytes.start, size);
  std::string text(bytes.begin(), bytes.end());
  if (const std::size_t broken = first_broken_utf8(text); broken < text.size()) {
    throw BundleError("has a name that is no UTF-8 at byte " + std::to_string(field.bytes.start + broken));
  }
  return text;
}

bool Wire::next(std::size_t& place, std::size_t stop, const Message& message, std::uint32_t& seen, WireField& field) {
  while (place < stop) {
    if (--left_ < 0) {
      throw BundleError("has more than " + std::to_string(kMaxFields) + " fields, expected the graph of a BERT model");
    }
    const std::size_t at = place;
    const std::uint64_t tag = varint(place, stop);
    const auto kind = static_cast<unsigned>(tag & 7);
    field = {.number = tag >> 3};
    const FieldRule rule = message.field(field.number);
    if ((rule.wire_types >> kind & 1) == 0 || tag > kMaxTag) throw BundleError(refusal(tag, at, message));
    const auto where = [&] { return "field " + std::to_string(field.number) + " of a " + std::string(message.name); };
    if (rule.is_single) {
      if ((seen >> field.number & 1) != 0) {
        throw BundleError("has " + where() + " twice, again at byte " + std::to_string(at));
      }
      seen |= std::uint32_t{1} << field.number;
    }
    if (kind == kBytes) {
      const std::uint64_t length = varint(place, stop);
      field.bytes = {place, end(place, length, stop)};
      place = field.bytes.stop;
      if (rule.packed != 0) check_packed(field.bytes, rule.packed);
      return true;
    }
    if (kind == kVarint) {
      field.value = varint(place, stop);
      if (rule.is_narrow && field.value > kMostInt32 && field.value < kLeastInt32) {
        throw BundleError("is no protocol buffer of ONNX: " + where() + " at byte " + std::to_string(at) +
                          " exceeds 32 bits");
      }
      return true;
    }
    place = end(place, kind == kFixed32 ? 4 : 8, stop);
  }
  return false;
}

/// A number of 7 bits a byte, least significant first.
std::uint64_t Wire::varint(std::size_t& place, std::size_t stop) const {
  const auto number = [&] { return "the number at byte " + std::to_string(place); };
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    if (place + i >= stop) throw BundleError("is cut off or damaged: " + number() + " does not end in its message");
    const std::uint64_t byte = buffer_[place + i];
    result |= (byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    if (byte == 0 && i > 0) throw BundleError("is no protocol buffer: " + number() + " has more bytes than it needs");
    if (i == 9 && byte > 1) break;
    place += i + 1;
    return result;
  }
  throw BundleError("is no protocol buffer: " + number() + " has more than 64 bits");
}

/// Whether numbers that stand packed in one field are whole. Throws BundleError.
void Wire::check_packed(Bytes bytes, unsigned width) const {
  const std::size_t size = bytes.stop - bytes.start;
  bool is_whole = size % width == 0;
  if (width == 1) {
    std::size_t run = 0;  // bytes of the number at hand
    for (const unsigned char byte : buffer_.subspan(bytes.start, size)) {
      run = byte < 0x80 ? 0 : run + 1;
      if (run == 10) break;
    }
    is_whole = run == 0;
  }
  if (!is_whole) {
    throw BundleError("is cut off or damaged: the numbers at byte " + std::to_string(bytes.start) +
                      " do not end in their field");
  }
}

std::size_t Wire::end(std::size_t start, std::uint64_t length, std::size_t stop) {
  if (length > stop - start) {
    throw BundleError("is cut off or damaged: a field at byte " + std::to_string(start) + " has " +
                      std::to_string(length) + " bytes, " + std::to_string(stop - start) + " are left");
  }
  return start + length;
}

}  // namespace bert_runtime
