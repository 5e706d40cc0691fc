#include "normalizers/charsmap.h"

#include <algorithm>
#include <array>

#include "bert_runtime/utf8.h"

namespace bert_runtime {
namespace {

constexpr std::uint32_t kLeafBit = 1U << 31, kLabel = kLeafBit | 0xFF, kHasLeaf = 1U << 8, kIsFar = 1U << 9;

std::size_t offset_of(std::uint32_t unit) { return std::size_t{unit >> 10} << ((unit & kIsFar) >> 6); }

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes of canonical base64 (RFC 4648, section 4): padded, without spaces, unused bits 0.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::array<std::uint8_t, 256> values{};
  values.fill(0xFF);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  }
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char digit : text.substr(0, text.size() - padding)) {
    const std::uint8_t value = values[static_cast<unsigned char>(digit)];
    if (value == 0xFF) return std::nullopt;
    bits = (bits << 6 | value) & 0xFFFFFF;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xFF));
  }
  if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

std::optional<Charsmap> Charsmap::read(std::string_view base64, std::size_t longest) {
  const auto bytes = from_base64(base64);
  if (!bytes || bytes->size() < 4) return std::nullopt;
  const std::size_t size = little_endian(*bytes, 0);
  if (size == 0 || size % 4 != 0 || size > bytes->size() - 4) return std::nullopt;
  std::vector<std::uint32_t> units(size / 4);
  for (std::size_t i = 0; i < units.size(); ++i) units[i] = little_endian(*bytes, 4 + 4 * i);
  Charsmap made(std::move(units), bytes->substr(4 + size));
  if (!made.is_sound(longest)) return std::nullopt;
  return made;
}

/// Every unit that is no leaf is looked at, whether a key leads there or not: a node's edges lie within 256 units.
bool Charsmap::is_sound(std::size_t longest) {
  if (first_broken_utf8(texts_) != texts_.size() || (units_[0] & kLeafBit) != 0) return false;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    if (units_[i] & kLeafBit) continue;
    const std::size_t base = i ^ offset_of(units_[i]);
    if ((base | 0xFF) >= units_.size()) return false;
    if (!(units_[i] & kHasLeaf)) continue;
    const std::size_t start = units_[base] & ~kLeafBit;
    if (start >= texts_.size() || (static_cast<unsigned char>(texts_[start]) & 0xC0) == 0x80) return false;
    const std::size_t size = text(units_[base]).size();
    if (size > longest) return false;
    longest_ = std::max(longest_, size);
  }
  return true;
}

std::string_view Charsmap::text(std::uint32_t leaf) const {
  const std::string_view rest = std::string_view(texts_).substr(leaf & ~kLeafBit);
  return rest.substr(0, rest.find('\0'));
}

std::optional<std::string_view> Charsmap::find(std::string_view key) const {
  std::size_t node = offset_of(units_[0]);
  for (const char each : key) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte == 0) break;
    node ^= byte;
    const std::uint32_t unit = units_[node];
    if ((unit & kLabel) != byte) break;
    node ^= offset_of(unit);
    if (unit & kHasLeaf) return text(units_[node]);
  }
  return std::nullopt;
}

}  // namespace bert_runtime
