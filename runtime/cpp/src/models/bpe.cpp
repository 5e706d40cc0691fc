#include "models/bpe.h"

#include <algorithm>
#include <bit>

#include "bert_runtime/errors.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
/// Symbols of a word that are searched for the next merge again and again; of more a heap is quicker.
constexpr std::size_t kFewSymbols = 40;

std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) { return std::uint64_t{left} << 32 | right; }

/// Whether a candidate comes after another: the heap's first is the one of least rank, then the leftmost.
bool is_after(const MergeCandidate& one, const MergeCandidate& other) {
  return one.rank != other.rank ? one.rank > other.rank : one.position > other.position;
}

std::string byte_token(unsigned byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

void add_symbol(std::vector<WordSymbol>& symbols, std::uint32_t id, std::size_t length) {
  const auto place = static_cast<std::uint32_t>(symbols.size());
  if (place > 0) symbols.back().next = place;
  symbols.push_back({id, static_cast<std::uint32_t>(length), place > 0 ? place - 1 : kNone, kNone});
}

/// Merges a symbol with the one behind it.
void merge_with_next(std::vector<WordSymbol>& symbols, std::uint32_t position, std::uint32_t merged) {
  WordSymbol& left = symbols[position];
  WordSymbol& right = symbols[left.next];
  left.id = merged;
  left.length += right.length;
  left.next = right.next;
  right.length = 0;
  if (left.next != kNone) symbols[left.next].previous = position;
}

}  // namespace

MergeTable::MergeTable(std::size_t count) : slots_(std::bit_ceil(2 * count + 2)) {}

std::size_t MergeTable::slot(std::uint64_t pair) const {
  std::size_t at = static_cast<std::size_t>(quick_hash(pair)) & (slots_.size() - 1);
  while (slots_[at].merge.rank != kFree && slots_[at].pair != pair) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void MergeTable::put(std::uint32_t left, std::uint32_t right, Merge merge) {
  const std::uint64_t pair = pair_of(left, right);
  slots_[slot(pair)] = {pair, merge};
}

const MergeTable::Merge* MergeTable::find(std::uint32_t left, std::uint32_t right) const {
  const Slot& found = slots_[slot(pair_of(left, right))];
  return found.merge.rank == kFree ? nullptr : &found.merge;
}

Bpe::Bpe(Vocabulary vocabulary, const std::vector<std::pair<std::string, std::string>>& merges, BpeSettings settings)
    : vocabulary_(std::move(vocabulary)), settings_(std::move(settings)), merges_(merges.size()), whole_(0) {
  if (settings_.unknown_token) unknown_id_ = unknown_id(vocabulary_, *settings_.unknown_token);
  for (char32_t code = 0; code < small_.size(); ++code) {
    std::string bytes;
    unicode::append(bytes, code);
    small_[code] = vocabulary_.id(bytes);
  }
  for (unsigned byte = 0; byte < byte_tokens_.size(); ++byte) byte_tokens_[byte] = vocabulary_.id(byte_token(byte));
  read_merges(merges);
  find_whole_words();
}

void Bpe::read_merges(const std::vector<std::pair<std::string, std::string>>& merges) {
  std::uint32_t rank = 0;
  for (const auto& [left, right] : merges) {
    const auto first = vocabulary_.id(left), second = vocabulary_.id(right), both = vocabulary_.id(left + right);
    if (!first || !second || !both) {
      const std::string& lacking = !first ? left : !second ? right : left + right;
      throw BundleError("the merges name '" + lacking +
                        "', expected tokens of the vocabulary; export the bundle again");
    }
    merges_.put(*first, *second, {rank++, *both});
  }
}

/// Whether a token's characters merge into it; of a long one it is not asked.
bool Bpe::merges_to(const Entry& entry, ModelMemory& memory) const {
  if (entry.token.empty() || entry.token.size() > kFewSymbols) return false;
  read_symbols(entry.token, memory.symbols);
  merge_few(memory);
  if (memory.symbols.empty()) return false;
  const WordSymbol& first = memory.symbols.front();
  return first.length == entry.token.size() && first.next == kNone && first.id == entry.id;
}

/// Words that merge into one piece are looked up as a whole: most words of a text are such.
void Bpe::find_whole_words() {
  ModelMemory memory;
  std::vector<const Entry*> found;
  for (const Entry& entry : vocabulary_.entries()) {
    if (settings_.ignore_merges || merges_to(entry, memory)) found.push_back(&entry);
  }
  whole_ = TokenTable(found.size());
  for (const Entry* entry : found) whole_.add(entry->token, quick_hash(entry->token), entry->id);
}

std::optional<std::uint32_t> Bpe::character(std::string_view bytes) const {
  const char32_t code = unicode::decode(bytes, 0).code;
  return code < small_.size() ? small_[code] : vocabulary_.id(bytes);
}

/// The bytes of a character that the vocabulary lacks; false, and nothing, where it lacks one of them.
bool Bpe::read_bytes(std::string_view character, std::vector<WordSymbol>& symbols) const {
  const auto token = [&](char byte) { return byte_tokens_[static_cast<unsigned char>(byte)]; };
  if (!std::ranges::all_of(character, [&](char byte) { return token(byte).has_value(); })) return false;
  for (const char byte : character) add_symbol(symbols, *token(byte), 1);
  return true;
}

/// The word's characters. As in the library what is unknown waits for the next character that is known, and bytes do not
/// count as such; a character that is neither known, nor bytes, nor the unknown token is left out.
void Bpe::read_symbols(std::string_view word, std::vector<WordSymbol>& symbols) const {
  symbols.clear();
  std::size_t unknown = 0;
  const auto add_unknown = [&] {
    if (unknown > 0) add_symbol(symbols, *unknown_id_, unknown);
    unknown = 0;
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::string_view bytes = word.substr(at, unicode::length(word[at]));
    at += bytes.size();
    if (const auto id = character(bytes)) {
      add_unknown();
      add_symbol(symbols, *id, bytes.size());
    } else if (settings_.byte_fallback && read_bytes(bytes, symbols)) {
      continue;
    } else if (unknown_id_) {
      if (!settings_.fuse_unknown) add_unknown();
      unknown += bytes.size();
    }
  }
  add_unknown();
}

/// Looks at every pair for the one of least rank, the leftmost of several, until none is left.
void Bpe::merge_few(ModelMemory& memory) const {
  std::vector<WordSymbol>& symbols = memory.symbols;
  std::vector<MergeCandidate>& next = memory.candidates;
  const auto look = [&](std::uint32_t position) {
    const std::uint32_t right = symbols[position].next;
    const MergeTable::Merge* merge = right == kNone ? nullptr : merges_.find(symbols[position].id, symbols[right].id);
    next[position] =
        merge == nullptr ? MergeCandidate{kNone, position, 0} : MergeCandidate{merge->rank, position, merge->merged};
  };
  next.resize(symbols.size());
  for (std::uint32_t i = 0; i < symbols.size(); ++i) look(i);
  while (!symbols.empty()) {
    const MergeCandidate best = *std::ranges::min_element(next, {}, &MergeCandidate::rank);
    if (best.rank == kNone) return;
    next[symbols[best.position].next].rank = kNone;
    merge_with_next(symbols, best.position, best.merged);
    look(best.position);
    if (symbols[best.position].previous != kNone) look(symbols[best.position].previous);
  }
}

/// Notes the pair that begins at a symbol, if it merges.
void Bpe::consider(const std::vector<WordSymbol>& symbols, std::uint32_t position,
                   std::vector<MergeCandidate>& heap) const {
  if (position == kNone || symbols[position].next == kNone) return;
  const WordSymbol& left = symbols[position];
  if (const MergeTable::Merge* merge = merges_.find(left.id, symbols[left.next].id)) {
    heap.push_back({merge->rank, position, merge->merged});
    std::ranges::push_heap(heap, is_after);
  }
}

/// The same with a heap of candidates, some of which are out of date when they come first.
void Bpe::merge_many(ModelMemory& memory) const {
  std::vector<WordSymbol>& symbols = memory.symbols;
  std::vector<MergeCandidate>& heap = memory.candidates;
  heap.clear();
  for (std::uint32_t i = 0; i < symbols.size(); ++i) consider(symbols, i, heap);
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, is_after);
    const MergeCandidate best = heap.back();
    heap.pop_back();
    const WordSymbol& left = symbols[best.position];
    if (left.length == 0 || left.next == kNone) continue;
    const MergeTable::Merge* merge = merges_.find(left.id, symbols[left.next].id);
    if (merge == nullptr || merge->merged != best.merged) continue;
    merge_with_next(symbols, best.position, best.merged);
    consider(symbols, left.previous, heap);
    consider(symbols, best.position, heap);
  }
}

void Bpe::cut(std::string_view text, Range place, ModelMemory& memory, std::vector<TextPiece>& pieces) const {
  const std::string_view word = text.substr(place.begin, place.end - place.begin);
  if (word.size() <= whole_.longest()) {
    if (const auto id = whole_.find(word, quick_hash(word))) {
      pieces.push_back({*id, place.begin, place.end});
      return;
    }
  }
  read_symbols(word, memory.symbols);
  if (memory.symbols.size() <= kFewSymbols) {
    merge_few(memory);
  } else {
    merge_many(memory);
  }
  std::size_t at = place.begin;
  for (const WordSymbol& symbol : memory.symbols) {
    if (symbol.length == 0) continue;
    pieces.push_back({symbol.id, at, at + symbol.length});
    at += symbol.length;
  }
}

}  // namespace bert_runtime
