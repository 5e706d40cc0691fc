#include "describe.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "bert_runtime/errors.h"
#include "files.h"
#include "manifest_json.h"
#include "records.h"
#include "tasks/activation.h"
#include "texts.h"

namespace bert_runtime::cli {
namespace {

std::string shown(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> parts;
  for (const TensorSpec& spec : specs) parts.push_back(spec.name + " (" + joined(spec.axes) + ")");
  return joined(parts);
}

Json shown(const Artefact& artefact) {
  Json record = {{"target", artefact.target},
                 {"precision", artefact.precision},
                 {"file", artefact.file},
                 {"masks", artefact.mask},
                 {"opset", artefact.opset},
                 {"inputs", shown(artefact.inputs)},
                 {"outputs", shown(artefact.outputs)}};
  if (artefact.cross_kv_graph) {
    record["cross_kv_graph"] = artefact.cross_kv_graph->file;
    record["cross_kv_inputs"] = shown(artefact.cross_kv_graph->inputs);
  }
  if (artefact.sequence_packing) record["sequence_packing"] = artefact.sequence_packing->file;
  return record;
}

/// To one digit after the point, ties to the even one of the exact value.
double megabytes(const Manifest& manifest) {
  std::int64_t bytes = 0;
  for (const auto& [name, record] : manifest.files) bytes += record.size;
  char text[64];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(bytes) / 1e6);
  return std::strtod(text, nullptr);
}

/// The reports of the export are for people: the runtime keeps no copy.
Json reports(const Bundle& bundle) {
  try {
    return read_record(read_file(bundle.directory / kManifestName, kMaxManifestBytes));
  } catch (const FileError& error) {
    throw BundleError((bundle.directory / kManifestName).string() + ": " + error.reason + "; make the file readable");
  }
}

}  // namespace

Json describe(const Bundle& bundle) {
  const Manifest& manifest = bundle.manifest;
  Json record = {{"directory", bundle.directory.string()}, {"task", manifest.task}, {"format", manifest.version}};
  if (!manifest.settings.labels.empty()) record["labels"] = manifest.settings.labels;
  if (manifest.settings.problem_type) record["problem_type"] = *manifest.settings.problem_type;
  if (manifest.settings.pooling) record["pooling"] = *manifest.settings.pooling;
  if (manifest.settings.normalize) record["normalize"] = *manifest.settings.normalize;
  if (const auto activation = activation_of(manifest.settings)) record["activation"] = *activation;
  if (!manifest.settings.prompts.empty()) record["prompts"] = manifest.settings.prompts;
  if (manifest.settings.default_prompt) record["default_prompt"] = *manifest.settings.default_prompt;
  record["max_length"] = manifest.tokenizer.max_length;
  record["megabytes"] = megabytes(manifest);
  record["artefacts"] = Json::array();
  for (const Artefact& artefact : manifest.artefacts) record["artefacts"].push_back(shown(artefact));
  const Json written = reports(bundle);
  for (const char* name : {"provenance", "verification", "quality"}) {
    if (written.contains(name) && !written[name].is_null()) record[name] = written[name];
  }
  return record;
}

}  // namespace bert_runtime::cli
