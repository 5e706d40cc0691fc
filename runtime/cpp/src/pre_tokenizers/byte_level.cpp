#include "pre_tokenizers/byte_level.h"

#include <array>

#include "normalizers/characters.h"
#include "pre_tokenizers/gpt2_pattern.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

bool is_visible(unsigned byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/// The character of each byte: itself if it is visible in Latin-1, else one from U+0100 on.
struct ByteMap {
  std::array<std::string, 256> characters;
  std::array<std::int16_t, 512> bytes{};

  ByteMap() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < characters.size(); ++byte) {
      const char32_t code = is_visible(byte) ? byte : next++;
      unicode::append(characters[byte], code);
      bytes[code] = static_cast<std::int16_t>(byte);
    }
  }
};

const ByteMap& byte_map() {
  static const ByteMap made;
  return made;
}

void add_prefix(Words& words) {
  const auto lacks = [&](Range part) { return words.text().text[part.begin] != ' '; };
  bool is_needed = false;
  for (const Range& part : words.parts()) is_needed |= lacks(part);
  if (!is_needed) return;
  const Normalized& text = words.text();
  words.rewrite([&](Range part, Normalized& out) {
    const std::size_t begin = out.size();
    if (text.text[part.begin] != ' ') {
      append_prepended(" ", text, part, out);
    } else {
      out.append(text, part);
    }
    words.keep({begin, out.size()});
  });
}

void write_characters(const Normalized& text, Range part, Normalized& out) {
  const ByteMap& map = byte_map();
  for (std::size_t at = part.begin; at < part.end; ++at) {
    out.append(map.characters[static_cast<unsigned char>(text.text[at])], text.place(at));
  }
}

}  // namespace

void ByteLevel::cut(Words& words) const {
  if (add_prefix_space_) add_prefix(words);
  const Normalized& text = words.text();
  words.rewrite([&](Range part, Normalized& out) {
    const std::string_view until = std::string_view(text.text).substr(0, part.end);
    for (std::size_t at = part.begin; at < part.end;) {
      const std::size_t end = use_regex_ ? gpt2_match(until, at) : part.end;
      const std::size_t begin = out.size();
      write_characters(text, {at, end}, out);
      words.keep({begin, out.size()});
      at = end;
    }
  });
}

bool append_bytes(std::string_view characters, std::string& bytes) {
  const ByteMap& map = byte_map();
  const std::size_t before = bytes.size();
  for (std::size_t at = 0; at < characters.size();) {
    const unicode::Decoded next = unicode::decode(characters, at);
    const int byte = next.code < map.bytes.size() ? map.bytes[next.code] : -1;
    if (byte < 0) {
      bytes.resize(before);
      return false;
    }
    bytes.push_back(static_cast<char>(byte));
    at += next.length;
  }
  return true;
}

}  // namespace bert_runtime
