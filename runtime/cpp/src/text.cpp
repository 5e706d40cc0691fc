#include "bert_runtime/text.h"

#include <algorithm>

#include "bert_runtime/errors.h"
#include "files.h"
#include "format_limits.h"
#include "in_json.h"
#include "lower_case.h"
#include "texts.h"

namespace bert_runtime {
namespace {

using Ids = std::vector<std::int64_t>;

/// A probe's tokens: the special ones with their ids, and 0 with the mask off where a text stands.
struct Probe {
  Ids ids, type_ids;
  std::vector<bool> special;
};

Probe probe(const std::vector<TemplateElement>& elements) {
  Probe made;
  for (const TemplateElement& element : elements) {
    const bool special = element.text < 0;
    for (const std::int64_t id : special ? element.ids : Ids{0}) {
      made.ids.push_back(id);
      made.type_ids.push_back(element.type_id);
      made.special.push_back(special);
    }
  }
  return made;
}

/// The runs of special tokens, separated by the runs of ordinary ones.
std::vector<Ids> groups(const Probe& probe) {
  std::vector<Ids> found(1);
  for (std::size_t i = 0; i < probe.ids.size(); ++i) {
    if (probe.special[i]) {
      found.back().push_back(probe.ids[i]);
    } else if (i == 0 || probe.special[i - 1]) {
      found.emplace_back();
    }
  }
  return found;
}

/// 0 through the special tokens that end the first text, 1 from the second text on.
Ids expected_types(const std::vector<bool>& special) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 1; i < special.size(); ++i) {
    if (special[i - 1] && !special[i]) starts.push_back(i);
  }
  const bool second = !starts.empty() && (starts.size() > 1 || !special[0]);
  Ids types(special.size(), 0);
  std::fill(types.begin() + static_cast<std::ptrdiff_t>(second ? starts.back() : special.size()), types.end(), 1);
  return types;
}

/// Reads the special tokens off the post-processor: where they stand around one text and around two.
Template read_template(const PostProcessor& post_processor) {
  const Probe pair = probe(post_processor.pair);
  std::vector<Ids> one = groups(probe(post_processor.single)), two = groups(pair);
  const bool has_types = std::ranges::any_of(pair.type_ids, [](std::int64_t type) { return type != 0; });
  if (one.size() != 2 || two.size() != 3 || (has_types && pair.type_ids != expected_types(pair.special))) {
    throw BundleError(
        Problem("bad-tokenizer", "tokenizer",
                "the tokenizer's post-processor is not BERT's [CLS] A [SEP] B [SEP]; export a BERT checkpoint"));
  }
  return {{std::move(one[0]), std::move(one[1])}, {std::move(two[0]), std::move(two[1]), std::move(two[2])}};
}

template <class Groups>
std::int64_t count(const Groups& all) {
  std::size_t sum = 0;
  for (const Ids& group : all) sum += group.size();
  return static_cast<std::int64_t>(sum);
}

/// Appends ids and says where they stand.
Span append_ids(Ids& row, const Ids& ids) {
  const auto begin = static_cast<std::int64_t>(row.size());
  row.insert(row.end(), ids.begin(), ids.end());
  return {begin, static_cast<std::int64_t>(row.size())};
}

/// The longer length, cut until both fit into `room`; both when that is not enough.
std::pair<std::int64_t, std::int64_t> longest_first(std::int64_t shorter, std::int64_t longer, std::int64_t room) {
  longer = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (shorter + longer > room) return {room / 2, room / 2 + room % 2};
  return {shorter, longer};
}

}  // namespace

TextEncoder::TextEncoder(Tokenizer tokenizer, TokenizerRecord record)
    : tokenizer_(std::move(tokenizer)),
      record_(std::move(record)),
      template_(read_template(tokenizer_.post_processor())),
      mask_token_(record_.mask_id ? token(*record_.mask_id) : "") {
  raise_problems();
}

TextEncoder TextEncoder::from_file(const std::filesystem::path& path, const TokenizerRecord& record) {
  const std::string name = path.filename().string();
  const auto refuse = [&](const std::string& reason) {
    return BundleError(
        Problem("unreadable", name, name + ": " + reason + "; expected a tokenizer.json; export the bundle again"));
  };
  std::string content;
  try {
    content = read_file(path, kMaxTokenizerBytes + 1);
  } catch (const FileError& error) {
    throw refuse(error.reason);
  }
  if (std::cmp_greater(content.size(), kMaxTokenizerBytes))
    throw refuse("is larger than " + std::to_string(kMaxTokenizerBytes) + " bytes");
  return from_json(content, name, record);
}

TextEncoder TextEncoder::from_json(std::string_view content, std::string_view name, const TokenizerRecord& record) {
  Tokenizer tokenizer = Tokenizer::from_json(content, name);
  try {
    return TextEncoder(std::move(tokenizer), record);
  } catch (const BundleError& error) {
    throw BundleError(within(std::string(name) + ": " + error.what(), error));
  }
}

Pieces TextEncoder::pieces(std::string_view text) const {
  return record_.lower_case ? lower_case_pieces(tokenizer_, text) : tokenizer_.encode(text);
}

Row TextEncoder::row(const Pieces& first, const Pieces* second) const {
  Row made;
  append_ids(made.ids, second == nullptr ? template_.single[0] : template_.pair[0]);
  made.first = append_ids(made.ids, first.ids);
  append_ids(made.ids, second == nullptr ? template_.single[1] : template_.pair[1]);
  made.type_ids.assign(made.ids.size(), record_.pair_type_ids[0]);
  if (second == nullptr) return made;
  made.second = append_ids(made.ids, second->ids);
  append_ids(made.ids, template_.pair[2]);
  made.type_ids.resize(made.ids.size(), record_.pair_type_ids[1]);
  return made;
}

std::int64_t TextEncoder::room(bool pair) const {
  return record_.max_length - (pair ? count(template_.pair) : count(template_.single));
}

Pieces TextEncoder::truncate(const Pieces& first) const { return cut(first, room()); }

std::pair<Pieces, Pieces> TextEncoder::truncate(const Pieces& first, const Pieces& second) const {
  if (first.size() + second.size() <= room(true)) return {first, second};
  const auto [shorter, longer] = std::minmax({first.size(), second.size()});
  const auto [less, more] = longest_first(shorter, longer, room(true));
  const bool first_is_longer = first.size() > second.size();
  return {cut(first, first_is_longer ? more : less), cut(second, first_is_longer ? less : more)};
}

std::vector<Span> TextEncoder::windows(std::int64_t length, std::int64_t room, std::int64_t stride) {
  if (room <= stride) {
    throw InputError(Problem("out-of-range", "stride",
                             "room for " + std::to_string(room) + " tokens and a stride of " + std::to_string(stride) +
                                 "; expected stride < room: lower the stride"));
  }
  std::vector<Span> made;
  for (std::int64_t start = 0;; start += room - stride) {
    made.push_back({start, std::min(start + room, length)});
    if (start + room >= length) return made;
  }
}

Pieces TextEncoder::cut(const Pieces& pieces, std::int64_t keep) const {
  const std::int64_t size = pieces.size();
  return record_.truncation_side == "right" ? pieces.part({0, keep}) : pieces.part({size - keep, size});
}

void TextEncoder::raise_problems() const {
  Problems problems;
  const std::int64_t least = count(template_.pair);
  if (record_.max_length < least) {
    problems.push_back({"out-of-range", "tokenizer.max_length",
                        "max_length is " + std::to_string(record_.max_length) + ", expected at least " +
                            std::to_string(least) + ": a pair's special tokens"});
  }
  const auto check = [&](const std::string& name, std::int64_t id) {
    if (tokenizer_.has_token(id)) return;
    problems.push_back(
        {"not-in-vocabulary", "tokenizer." + name,
         "the manifest's " + name + " is " + std::to_string(id) + ", expected the id of a token of the tokenizer"});
  };
  check("pad_id", record_.pad_id);
  if (record_.mask_id) check("mask_id", *record_.mask_id);
  for (const auto& [name, token] : record_.special_tokens) {
    const std::optional<std::int64_t> found = token_id(token);
    const std::optional<std::int64_t> own = name == "pad" ? record_.pad_id : name == "mask" ? record_.mask_id : found;
    if (found && found == own) continue;
    problems.push_back({"not-in-vocabulary", "tokenizer.special_tokens." + name,
                        "the manifest calls " + name + " " + bert_runtime::cut(in_json(token)) +
                            ", expected what the tokenizer calls it"});
  }
  if (!problems.empty()) throw BundleError(told(problems) + "; export the bundle again", problems);
}

std::string TextEncoder::token(std::int64_t id) const { return tokenizer_.token(id); }

std::optional<std::int64_t> TextEncoder::token_id(std::string_view token) const { return tokenizer_.token_id(token); }

std::string TextEncoder::decode(std::span<const std::int64_t> ids, bool skip_special_tokens) const {
  return tokenizer_.decode(ids, skip_special_tokens);
}

}  // namespace bert_runtime
