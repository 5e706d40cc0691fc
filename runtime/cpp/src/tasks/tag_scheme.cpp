#include "tasks/tag_scheme.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace bert_runtime {
namespace {

constexpr std::string_view kLetters = "BIMELSUW", kBeginning = "BSUW", kEnding = "ELSUW", kContinuing = "IMEL";
/// The kind of a tag that is a letter alone, as seqeval has it.
constexpr std::string_view kNoKind = "_";
/// Labels beside the tags of any scheme.
constexpr std::array<std::string_view, 8> kNoTags = {"O", "X", "[CLS]", "[SEP]", "[PAD]", "PAD", "<pad>", "<PAD>"};

using Letters = std::set<char>;

bool has(std::string_view letters, char letter) { return letters.find(letter) != std::string_view::npos; }

/// A letter and a kind.
struct Part {
  char letter;
  std::string_view kind;
};

/// How labels are written: letter, separator, kind; or kind, separator, letter; with no separator a letter alone.
struct Form {
  char separator;
  bool is_suffix;

  [[nodiscard]] std::optional<Part> split(std::string_view label) const {
    if (separator == 0) {
      if (label.size() == 1 && has(kLetters, label[0])) return Part{label[0], kNoKind};
      return std::nullopt;
    }
    if (label.size() < 3) return std::nullopt;
    const std::size_t size = label.size();
    const char letter = is_suffix ? label[size - 1] : label[0];
    if (!has(kLetters, letter) || label[is_suffix ? size - 2 : 1] != separator) return std::nullopt;
    return Part{letter, is_suffix ? label.substr(0, size - 2) : label.substr(2)};
  }
};

constexpr std::array<Form, 5> kForms = {{{'-', false}, {'_', false}, {'-', true}, {'_', true}, {0, false}}};

using Torn = std::map<std::string_view, Part>;

/// The letters of the scheme, proven by kinds that have several; `is_whole`: every label is written so.
Letters scheme_of(const Form& form, const std::map<std::string_view, Letters>& letters, bool is_whole) {
  Letters scheme, every;
  for (const auto& [kind, own] : letters) {
    every.insert(own.begin(), own.end());
    if (own.size() > 1) scheme.insert(own.begin(), own.end());
  }
  const auto is_begin_or_inside = [](char letter) { return letter == 'B' || letter == 'I'; };
  const bool is_usual = form.separator == '-' && !form.is_suffix;
  // No kind has both, as in IO written with I-: transformers' pipeline reads these two alone.
  if (is_usual && is_whole && scheme.empty() && std::ranges::all_of(every, is_begin_or_inside)) return every;
  const bool is_rare = form.is_suffix || form.separator == 0;
  const bool has_inside = scheme.contains('I') || scheme.contains('M');
  // vitamin-B and vitamin-E, or the sizes S, M and L, are no tags.
  if (is_rare && !(is_whole && scheme.contains('B') && has_inside)) return {};
  return scheme.contains('B') || scheme == Letters{'I', 'E'} ? scheme : Letters{};
}

/// Whether a kind has only a letter that never stands without another: E-mail in a scheme of B, I, E and S.
bool is_word(const Letters& letters, const Letters& scheme) {
  const auto ends = [](char letter) { return has(kEnding, letter) && !has(kBeginning, letter); };
  return letters.size() == 1 && has(kContinuing, *letters.begin()) && scheme.contains('B') &&
         std::ranges::any_of(scheme, ends);
}

/// The labels that are tags of this form; nothing where all together are of no scheme.
Torn torn(const std::vector<std::string>& labels, const Form& form) {
  Torn found;
  std::map<std::string_view, Letters> letters;
  bool is_whole = true;
  for (const std::string& label : labels) {
    if (std::ranges::find(kNoTags, label) != kNoTags.end()) continue;
    if (const auto part = form.split(label)) {
      found.insert_or_assign(label, *part);
      letters[part->kind].insert(part->letter);
    } else {
      is_whole = false;
    }
  }
  const Letters scheme = scheme_of(form, letters, is_whole);
  std::erase_if(found, [&](const auto& each) {
    return !scheme.contains(each.second.letter) || is_word(letters[each.second.kind], scheme);
  });
  return found;
}

}  // namespace

std::vector<Tag> read_tags(const std::vector<std::string>& labels) {
  Torn best;
  for (const Form& form : kForms) {
    Torn found = torn(labels, form);
    if (found.size() > best.size()) best = std::move(found);
  }
  std::vector<Tag> tags;
  for (const std::string& label : labels) {
    const auto part = best.find(label);
    if (part == best.end()) {
      tags.push_back({label, label, false, false});
    } else {
      const auto& [letter, kind] = part->second;
      tags.push_back({label, std::string(kind), has(kBeginning, letter), has(kEnding, letter)});
    }
  }
  return tags;
}

}  // namespace bert_runtime
