#include "protobuf.h"

#include "bert_runtime/errors.h"
#include "bert_runtime/utf8.h"

namespace bert_runtime {
namespace {

enum Kind : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

}  // namespace

Bytes WireField::message() const {
  if (!is_bytes) throw BundleError("is no protocol buffer of ONNX: a number where a message belongs");
  return bytes;
}

std::string Wire::text(const WireField& field) const {
  if (!field.is_bytes) throw BundleError("is no protocol buffer of ONNX: a number where a string belongs");
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

bool Wire::next(std::size_t& place, std::size_t stop, WireField& field) {
  while (place < stop) {
    if (--left_ < 0) {
      throw BundleError("has more than " + std::to_string(kMaxFields) + " fields, expected the graph of a BERT model");
    }
    const std::uint64_t tag = varint(place, stop);
    const auto kind = static_cast<unsigned>(tag & 7);
    field = {.number = tag >> 3, .is_bytes = kind == kBytes};
    if (kind == kBytes) {
      const std::uint64_t length = varint(place, stop);
      field.bytes = {place, end(place, length, stop)};
      place = field.bytes.stop;
      return true;
    }
    if (kind == kVarint) {
      field.value = varint(place, stop);
      return true;
    }
    if (kind != kFixed32 && kind != kFixed64) {
      throw BundleError("is no protocol buffer: wire type " + std::to_string(kind) + " at byte " +
                        std::to_string(place) + ", expected 0, 1, 2 or 5");
    }
    place = end(place, kind == kFixed32 ? 4 : 8, stop);
  }
  return false;
}

/// A number of 7 bits a byte, least significant first.
std::uint64_t Wire::varint(std::size_t& place, std::size_t stop) const {
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    if (place + i >= stop) {
      throw BundleError("is cut off or damaged: the number at byte " + std::to_string(place) +
                        " does not end in its message");
    }
    const std::uint64_t byte = buffer_[place + i];
    result |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      place += i + 1;
      return result;
    }
  }
  throw BundleError("is no protocol buffer: the number at byte " + std::to_string(place) + " has more than 10 bytes");
}

std::size_t Wire::end(std::size_t start, std::uint64_t length, std::size_t stop) {
  if (length > stop - start) {
    throw BundleError("is cut off or damaged: a field at byte " + std::to_string(start) + " has " +
                      std::to_string(length) + " bytes, " + std::to_string(stop - start) + " are left");
  }
  return start + length;
}

}  // namespace bert_runtime
