#include "manifest_json.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <utility>

#include "bert_runtime/errors.h"
#include "format_words.h"
#include "in_json.h"
#include "json_record.h"
#include "manifest_consistency.h"
#include "strict_json.h"
#include "target.h"
#include "texts.h"

namespace bert_runtime {
namespace {

const std::string kPlainName =
    "a plain file name: ASCII letters, digits, dots, hyphens and underscores, at most 128, no folder";

constexpr std::int64_t kMaxInt32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

bool is_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_letter(char c) { return is_alphanumeric(c) && (c < '0' || c > '9'); }

bool is_file_name(std::string_view text) {
  const auto fits = [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, fits) && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back());
}

bool is_onnx_name(std::string_view text) {
  constexpr std::string_view kSuffix = ".onnx";
  return text.ends_with(kSuffix) && text.size() <= 128 && is_file_name(text.substr(0, text.size() - kSuffix.size()));
}

bool is_word(std::string_view text, char also) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto fits = [&](char c) { return is_lower(c) || (c >= '0' && c <= '9') || c == also; };
  return !text.empty() && text.size() <= 64 && is_lower(text.front()) && std::ranges::all_of(text, fits);
}

bool is_axis(std::string_view text) { return is_word(text, '_'); }

bool is_task(std::string_view text) { return is_word(text, '-'); }

bool is_tensor(std::string_view text) {
  const auto fits = [](char c) { return is_alphanumeric(c) || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= 128 && (is_letter(text.front()) || text.front() == '_') &&
         std::ranges::all_of(text, fits);
}

bool is_sha256(std::string_view text) { return text.size() == 64 && is_of(text, "0123456789abcdef"); }

bool is_any(std::string_view) { return true; }

template <class Field>
std::string shown(const nlohmann::json& value, const Field& key) {
  const auto found = value.find(key);
  return cut(found == value.end() ? "missing" : in_json(*found));
}

/// The format and its version, alone and first: under another version every other key may mean something else.
void check_version(const nlohmann::json& value) {
  const std::string name = std::string(kManifestName) + ": ";
  const std::string format = in_json(kFormat);
  if (!value.is_object()) {
    throw BundleError(
        Problem("wrong-type", "",
                name + "is no JSON object, expected one with the format " + format + "; export the bundle again"));
  }
  if (value.value("format", nlohmann::json()) != kFormat) {
    throw BundleError(Problem("wrong-format", "format",
                              name + "the format is " + shown(value, "format") + ", expected " + format +
                                  "; name the directory of a bundle"));
  }
  const nlohmann::json version = value.value("version", nlohmann::json());
  if (version.is_number_integer() && version >= kOldestFormatVersion && version <= kFormatVersion) return;
  throw BundleError(Problem("wrong-version", "version",
                            name + "the format's version is " + shown(value, "version") + ", this runtime reads " +
                                std::to_string(kOldestFormatVersion) + " to " + std::to_string(kFormatVersion) +
                                "; install the release that wrote it, or export the bundle again with this one"));
}

std::map<std::string, std::string> prompts(Record record) {
  std::map<std::string, std::string> found;
  for (const std::string& name : record.names()) found[name] = record.string(name, is_any, "a string");
  return found;
}

HeadSettings settings(Record record) {
  HeadSettings found;
  if (record.has("labels")) found.labels = record.strings("labels", is_any, "a string");
  if (record.has("problem_type")) found.problem_type = record.choice("problem_type", kProblemTypeNames);
  if (record.has("pooling")) found.pooling = record.choice("pooling", kPoolingNames);
  if (record.has("normalize")) found.normalize = record.boolean("normalize");
  if (record.has("activation")) found.activation = record.choice("activation", kActivationNames);
  if (record.has("prompts")) found.prompts = prompts(record.record("prompts"));
  if (record.has("default_prompt")) found.default_prompt = record.string("default_prompt", is_any, "a string");
  record.close();
  return found;
}

std::map<std::string, std::int64_t> sizes(Record record) {
  std::map<std::string, std::int64_t> found;
  for (const std::string& name : record.names()) {
    if (is_axis(name)) found[name] = record.integer(name, 1, kMaxInt32);
  }
  for (const std::string& name : record.names()) {
    if (found.contains(name)) continue;
    record.problems().push_back({"bad-name", record.path(),
                                 record.path() + ": the key " + cut(in_json(name)) +
                                     " is no axis name, expected lower-case letters, digits and underscores"});
  }
  return found;
}

std::array<std::int64_t, 2> pair_type_ids(Record& record) {
  const auto is_zero_or_one = [](const nlohmann::json& value) {
    return value.is_number_integer() && (value == 0 || value == 1);
  };
  const auto fits = [&](const nlohmann::json& value) {
    return value.is_array() && value.size() == 2 && std::ranges::all_of(value, is_zero_or_one) && value[0] == 0;
  };
  if (!record.has("pair_type_ids")) return {0, 1};
  const nlohmann::json* found = record.value("pair_type_ids", fits, "[0, 1] or [0, 0]");
  return {0, found ? (*found)[1].get<std::int64_t>() : 1};
}

/// Texts under some of these names.
std::map<std::string, std::string> texts(Record record, const std::vector<std::string>& names) {
  std::map<std::string, std::string> found;
  for (const std::string& name : names) {
    if (record.has(name)) found[name] = record.string(name, is_any, "a string");
  }
  record.close();
  return found;
}

TokenizerRecord tokenizer(Record record) {
  TokenizerRecord found;
  found.file = record.string("file", is_file_name, kPlainName);
  found.max_length = record.integer("max_length", 1, kMaxInt32);
  found.pad_id = record.integer("pad_id", 0, kMaxInt32);
  if (record.has("mask_id")) found.mask_id = record.integer("mask_id", 0, kMaxInt32);
  if (record.has("truncation_side")) found.truncation_side = record.choice("truncation_side", kTruncationSides);
  found.pair_type_ids = pair_type_ids(record);
  if (record.has("lower_case")) found.lower_case = record.boolean("lower_case");
  if (record.has("special_tokens")) found.special_tokens = texts(record.record("special_tokens"), kSpecialNames);
  record.close();
  return found;
}

TensorSpec tensor(Record record) {
  TensorSpec found;
  found.name = record.string("name", is_tensor, "a tensor's name");
  found.dtype = record.choice("dtype", kDtypes);
  found.axes = record.strings("axes", is_axis, "an axis name: lower-case letters, digits and underscores");
  record.close();
  return found;
}

std::vector<TensorSpec> tensors(const std::vector<Record>& records) {
  std::vector<TensorSpec> found;
  for (const Record& record : records) found.push_back(tensor(record));
  return found;
}

/// The fields that an artefact and its other graphs have in common.
Graph graph(Record& record) {
  Graph found;
  found.file = record.string("file", is_onnx_name, kPlainName + ", ending in .onnx");
  found.data = record.strings("data", is_file_name, kPlainName);
  found.inputs = tensors(record.records("inputs"));
  found.outputs = tensors(record.records("outputs"));
  return found;
}

Graph second(Record record) {
  Graph found = graph(record);
  record.close();
  return found;
}

Artefact artefact(Record record) {
  Artefact found;
  Graph own = graph(record);
  found.file = std::move(own.file);
  found.data = std::move(own.data);
  found.inputs = std::move(own.inputs);
  found.outputs = std::move(own.outputs);
  found.target = record.choice("target", target_names());
  found.precision = record.choice("precision", kPrecisions);
  found.mask = record.choice("mask", kMasks);
  found.opset = record.integer("opset", 1, 1000);
  found.plain = record.boolean("plain");
  if (record.has("cross_kv_graph")) found.cross_kv_graph = second(record.record("cross_kv_graph"));
  if (record.has("sequence_packing")) found.sequence_packing = second(record.record("sequence_packing"));
  record.close();
  return found;
}

Problem too_many(const std::string& field, std::size_t count, std::size_t most) {
  return {"too-large", field,
          field + " has " + std::to_string(count) + " entries, expected at most " + std::to_string(most)};
}

std::vector<Artefact> artefacts(Record& record) {
  const std::size_t before = record.problems().size();
  std::vector<Artefact> found;
  const std::vector<Record> items = record.records("artefacts");
  for (std::size_t i = 0; i < std::min(items.size(), kMostArtefacts); ++i) found.push_back(artefact(items[i]));
  if (items.size() > kMostArtefacts) {
    record.problems().push_back(too_many("artefacts", items.size(), kMostArtefacts));
  }
  if (found.empty() && record.problems().size() == before) {
    record.problems().push_back({"empty", "artefacts", "artefacts is an empty list, expected at least one artefact"});
  }
  return found;
}

std::map<std::string, FileRecord> files(Record record) {
  std::map<std::string, FileRecord> found;
  std::vector<std::string> names = record.names();
  if (names.size() > kMostFiles) {
    record.problems().push_back(too_many(record.path(), names.size(), kMostFiles));
    names.clear();  // else every one of them would be looked for
  }
  for (const std::string& name : names) {
    if (!is_file_name(name)) {
      record.problems().push_back(
          {"bad-name", record.path(),
           record.path() + ": the key " + cut(in_json(name)) + " is no plain name, expected " + kPlainName});
      continue;
    }
    Record item = record.record(name);
    FileRecord& file = found[name];
    file.size = item.integer("size", 0, kMaxInt64);
    file.sha256 = item.string("sha256", is_sha256, "64 lower-case hexadecimal digits");
    item.close();
  }
  return found;
}

Manifest manifest(Record& record) {
  Manifest found;
  record.choice("format", {kFormat});
  found.version = record.integer("version", kOldestFormatVersion, kFormatVersion);
  found.task = record.string("task", is_task, "a task's name");
  found.settings = settings(record.record("settings"));
  found.sizes = sizes(record.record("sizes"));
  found.tokenizer = tokenizer(record.record("tokenizer"));
  found.artefacts = artefacts(record);
  found.files = files(record.record("files"));
  record.mapping("provenance");
  record.mapping("verification");
  if (record.has("quality")) record.mapping("quality");
  record.close();
  return found;
}

}  // namespace

Manifest parse_manifest(std::string_view content) {
  if (content.size() > kMaxManifestBytes) {
    throw BundleError(Problem("too-large", std::string(kManifestName),
                              std::string(kManifestName) + ": has more than " + std::to_string(kMaxManifestBytes) +
                                  " bytes; export the bundle again"));
  }
  const nlohmann::json value = strict_loads(content, kManifestName);
  check_version(value);
  Problems problems;
  Record record(&value, "", problems);
  Manifest found = manifest(record);
  raise_bundle_problems(problems.empty() ? contradictions(found, kManifestName) : problems, kManifestName);
  return found;
}

}  // namespace bert_runtime
