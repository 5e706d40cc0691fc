#include "self_test.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "any_session.h"
#include "boundary.h"
#include "files.h"
#include "item_failure.h"
#include "json_record.h"
#include "manifest_json.h"
#include "records.h"
#include "strict_json.h"

namespace bert_runtime::cli {
namespace {

constexpr std::string_view kCanaries = "canaries.json";
constexpr std::size_t kMaxCanaryBytes = 4 << 20;
constexpr std::int64_t kMostCases = 64;

struct Canary {
  Json request;
  Json answer;
};

/// At least so many answers of a target's artefacts must be the oracle's: torch's, or of a pruned bundle those of the
/// pruned network in fp32.
struct Bound {
  std::string precision;
  std::int64_t same_answers = 0;
  std::string oracle = "torch";
};

std::string content(const std::filesystem::path& path, std::size_t most) {
  try {
    return read_file(path, most + 1);
  } catch (const FileError& error) {
    throw BundleError(path.string() + ": " + error.reason + "; make the file readable");
  }
}

void refuse(const Problems& problems, std::string_view name) {
  if (problems.empty()) return;
  std::string told;
  for (const Problem& problem : problems) told += (told.empty() ? "" : "; ") + problem.message;
  throw BundleError(std::string(name) + ": " + told + "; copy or export the bundle again");
}

std::vector<Canary> read_canaries(const Bundle& bundle) {
  const std::string name(kCanaries);
  if (!bundle.manifest.files.contains(name)) {
    throw BundleError(bundle.directory.string() + ": has no " + name +
                      ", expected one; export it again, with this release");
  }
  const std::string text = content(bundle.directory / name, kMaxCanaryBytes);
  if (text.size() > kMaxCanaryBytes) {
    throw BundleError(name + ": has more than " + std::to_string(kMaxCanaryBytes) + " bytes; export it again");
  }
  if (!strict_loads(text, name).is_object()) {  // the order of keys is lost there, and read_record keeps it
    throw BundleError(name + ": is no JSON object, expected version and cases; export the bundle again");
  }
  const Json whole = read_record(text);
  std::vector<Canary> found;
  const auto is_whole = whole.contains("version") && whole["version"] == 1 && whole.contains("cases") &&
                        whole["cases"].is_array() && whole["cases"].size() <= kMostCases;
  if (!is_whole) {
    throw BundleError(name + ": expected version 1 and cases, " + std::to_string(kMostCases) +
                      " at most; export the bundle again");
  }
  for (const Json& each : whole["cases"]) {
    if (!each.is_object() || !each.contains("request") || !each["request"].is_object() || !each.contains("answer") ||
        !each["answer"].is_object()) {
      throw BundleError(name + ": a case has no request or no answer, expected objects; export the bundle again");
    }
    found.push_back({each["request"], each["answer"]});
  }
  return found;
}

/// Of a target's artefacts for different masks the lower bound, as a session runs either.
std::optional<Bound> bound_of(const Bundle& bundle, const std::string& target) {
  const nlohmann::json manifest =
      strict_loads(content(bundle.directory / kManifestName, kMaxManifestBytes), kManifestName);
  Problems problems;
  Record verification(&manifest["verification"], "verification", problems);
  std::optional<Bound> found;
  if (verification.has("canaries")) {
    for (Record& each : verification.records("canaries")) {
      const auto is_short = [](std::string_view text) { return text.size() <= 16; };
      const std::string own = each.string("target", is_short, "a word");
      const Bound bound{each.string("precision", is_short, "a word"), each.integer("same_answers", 0, kMostCases)};
      if (own != target) continue;
      found = found ? Bound{bound.precision, std::min(found->same_answers, bound.same_answers), bound.oracle} : bound;
    }
  }
  refuse(problems, kManifestName);
  const bool is_pruned = manifest.contains("provenance") && manifest["provenance"].contains("pruning");
  if (found && is_pruned) found->oracle = "the pruned network";
  return found;
}

bool says_the_same(const Json& expected, const Json& got) {
  if (expected.is_number_float() && got.is_number_float()) return true;
  if (expected.is_object() && got.is_object()) {
    return std::ranges::all_of(expected.items(), [&](const auto& item) {
      return got.contains(item.key()) && says_the_same(item.value(), got[item.key()]);
    });
  }
  if (expected.is_array() && got.is_array()) {
    return std::ranges::equal(expected, got, says_the_same);
  }
  return expected == got && expected.is_boolean() == got.is_boolean();
}

std::int64_t same_answers(const AnySession& session, const std::vector<Canary>& canaries) {
  std::vector<std::optional<Json>> batch;
  std::size_t next = 0;
  session.predict(
      [&]() -> std::optional<ItemAnswer<Json>> {
        if (next == canaries.size()) return std::nullopt;
        return canaries[next++].request;
      },
      [&](const AnySession::Answer& answer) {
        const Json* found = std::get_if<Json>(&answer);
        batch.push_back(found == nullptr ? std::nullopt : std::optional<Json>(*found));
      });
  std::int64_t same = 0;
  for (std::size_t i = 0; i < canaries.size(); ++i) {
    const auto alone = attempted<Json>([&] { return session.answer(canaries[i].request); });
    const Json* found = std::get_if<Json>(&alone);
    const bool both = found != nullptr && i < batch.size() && batch[i].has_value();
    same += both && says_the_same(canaries[i].answer, *found) && says_the_same(canaries[i].answer, *batch[i]);
  }
  return same;
}

Json asked(const AnySession& session, const std::vector<Canary>& canaries, const std::string& target,
           const Bound& bound) {
  const std::int64_t same = same_answers(session, canaries);
  const std::string counted = "same answers " + std::to_string(same) + " of " + std::to_string(canaries.size());
  const bool holds = same >= bound.same_answers;
  const bool all = same == static_cast<std::int64_t>(canaries.size());
  const std::string as_whom = "answers as " + (all ? bound.oracle + " did: " : "where it was exported: ");
  const std::string expected = "; expected " + std::to_string(bound.same_answers) + ", as where it was exported";
  return {
      {"target", target},
      {"precision", bound.precision},
      {"holds", holds},
      {"same_answers", same},
      {"verdict", holds ? as_whom + counted : "does not answer as " + bound.oracle + " did: " + counted + expected}};
}

std::vector<std::string> targets_of(const Manifest& manifest) {
  std::vector<std::string> found;
  for (const Artefact& artefact : manifest.artefacts) {
    if (std::ranges::find(found, artefact.target) == found.end()) found.push_back(artefact.target);
  }
  return found;
}

}  // namespace

int self_test(const Bundle& bundle, const Options& options, std::ostream& output) {
  const std::vector<Canary> canaries = read_canaries(bundle);
  std::vector<std::string> reasons;
  bool holds = true;
  bool is_asked = false;
  for (const std::string& target : targets_of(bundle.manifest)) {
    const auto bound = bound_of(bundle, target);
    if (!bound || (options.target != "auto" && options.target != target)) continue;
    Options named = options;
    named.target = target;
    std::unique_ptr<AnySession> session;
    try {
      session = start_any(bundle, named);
    } catch (const BackendError& error) {
      reasons.push_back(target + ": " + error.what());
      continue;
    }
    const Json record = asked(*session, canaries, target, *bound);
    output << dumps(record) << "\n";
    holds = holds && record["holds"].get<bool>();
    is_asked = true;
  }
  if (!is_asked) {
    std::string told = "no artefact with canaries runs here";
    for (const std::string& reason : reasons) told += "; " + reason;
    throw BackendError(told);
  }
  for (const std::string& reason : reasons) tell("not asked: " + reason);
  return holds ? kDone : kFailedSelfTest;
}

}  // namespace bert_runtime::cli
