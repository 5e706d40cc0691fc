#include "bert_runtime/bundle.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/tasks/tasks.h"
#include "files.h"
#include "format_limits.h"
#include "graph_signature.h"
#include "in_json.h"
#include "manifest_json.h"
#include "onnx_file.h"
#include "signature.h"
#include "texts.h"

namespace bert_runtime {
namespace {

namespace fs = std::filesystem;

/// The path as Python writes it: `./a//b/` is a/b.
std::string plain(const fs::path& path) {
  fs::path kept;
  for (const fs::path& part : path) {
    if (!part.empty() && part != ".") kept /= part;
  }
  return kept.empty() ? "." : kept.string();
}

fs::path directory(const fs::path& path) {
  std::error_code none;
  if (fs::is_directory(path, none)) {
    fs::path resolved = fs::canonical(path, none);
    if (!none) return resolved;
  }
  const std::string what = fs::exists(path, none) ? "is no directory" : "does not exist";
  throw BundleError(
      Problem("not-a-bundle", "",
              plain(path) + ": " + what + ", expected the directory of a bundle; make one with bert-export"));
}

bool is_inside(const fs::path& path, const fs::path& directory) {
  return std::mismatch(directory.begin(), directory.end(), path.begin(), path.end()).first == directory.end();
}

/// Where the files of a snapshot in a hub cache lie: `blobs`, a real folder beside the `snapshots` that holds
/// `directory`, which is resolved; nothing of any other directory.
std::optional<fs::path> hub_blobs(const fs::path& directory) {
  for (fs::path parent = directory.parent_path(); parent.has_relative_path(); parent = parent.parent_path()) {
    if (parent.filename() != "snapshots") continue;
    fs::path blobs = parent.parent_path() / "blobs";
    std::error_code none;
    return fs::is_directory(fs::symlink_status(blobs, none)) ? std::optional(blobs) : std::nullopt;
  }
  return std::nullopt;
}

/// The size of a regular file inside the directory, or in the hub cache that it belongs to; nothing is opened, for a
/// pipe would block.
/// Throws BundleError: it is missing, something else, or a link to a place outside.
std::int64_t regular_file(const fs::path& directory, const std::string& name) {
  const fs::path path = directory / name;
  struct stat status = {};
  std::error_code error;
  const bool is_there = ::stat(path.c_str(), &status) == 0;
  const fs::path resolved = fs::canonical(path, error);
  if (!is_there || error)
    throw BundleError(
        Problem("missing-file", name, name + " is missing or cannot be reached, expected a file of the bundle"));
  if (!is_inside(resolved, directory) && resolved.parent_path() != hub_blobs(directory)) {
    throw BundleError(
        Problem("unsafe-file", name,
                name + " is a link that leaves the directory, expected a file inside: copy it with `cp -rL`"));
  }
  if (!S_ISREG(status.st_mode))
    throw BundleError(Problem("unsafe-file", name, name + " is no regular file, expected one"));
  return status.st_size;
}

/// Whether it looks like what save_pretrained writes: a bundle that lost its manifest still has its graphs.
bool is_checkpoint(const fs::path& directory) {
  std::error_code none;
  if (fs::exists(fs::symlink_status(directory / kManifestName, none))) return false;
  if (!fs::is_regular_file(directory / "config.json", none)) return false;
  for (auto entry = fs::directory_iterator(directory, none); entry != fs::directory_iterator(); entry.increment(none)) {
    if (none) return false;
    if (entry->path().extension() == ".onnx") return false;
  }
  return true;
}

std::string manifest_text(const fs::path& directory) {
  try {
    regular_file(directory, kManifestName);
  } catch (const BundleError& error) {
    if (is_checkpoint(directory)) {
      throw BundleError(Problem("checkpoint", "",
                                directory.string() +
                                    ": a checkpoint, expected a bundle; make one first: `bert-export --model " +
                                    directory.string() + " --output BUNDLE`"));
    }
    throw BundleError(
        within(directory.string() + ": " + error.what() + "; name the directory that bert-export wrote", error));
  }
  try {
    return read_file(directory / kManifestName, kMaxManifestBytes + 1);
  } catch (const FileError& error) {
    throw BundleError(Problem("unreadable", std::string(kManifestName),
                              (directory / kManifestName).string() + ": " + error.reason + "; make the file readable"));
  }
}

const Task& task_of(const std::string& name) {
  const std::string where = std::string(kManifestName) + ": task: ";
  const Task* task = nullptr;
  try {
    task = &find_task(name);
  } catch (const InputError& error) {
    throw BundleError(within(where + error.what(), error));
  }
  if (task->name != name) {
    throw BundleError(Problem("unknown-task", "task",
                              where + in_json(name) + " is an alias for the hand, expected " + in_json(task->name)));
  }
  return *task;
}

/// Files that would be too large to read, whatever they hold.
void limit_problems(const Manifest& manifest, Problems& problems) {
  std::map<std::string, std::int64_t> limits;
  std::int64_t total = 0;
  for (const auto& [name, record] : manifest.files) {
    limits[name] = kMaxOtherBytes;
    total += std::min(record.size, kMaxBundleBytes + 1);
  }
  for (const Artefact& artefact : manifest.artefacts) {
    for (const Graph& graph : artefact.graphs()) {
      for (const std::string& name : graph.data) limits[name] = kMaxBundleBytes;
    }
  }
  for (const Artefact& artefact : manifest.artefacts) {
    for (const Graph& graph : artefact.graphs()) limits[graph.file] = kMaxGraphBytes;
  }
  limits[manifest.tokenizer.file] = kMaxTokenizerBytes;
  for (const auto& [name, limit] : limits) {
    const std::int64_t size = manifest.files.at(name).size;
    if (size <= limit) continue;
    problems.push_back(
        {"too-large", name,
         "files: " + name + " has " + std::to_string(size) + " bytes, expected at most " + std::to_string(limit)});
  }
  if (total > kMaxBundleBytes) {
    problems.push_back(
        {"too-large", "files", "files: together more than " + std::to_string(kMaxBundleBytes) + " bytes"});
  }
}

void file_problems(const fs::path& directory, const Manifest& manifest, Problems& problems) {
  for (const auto& [name, record] : manifest.files) {
    try {
      const std::int64_t size = regular_file(directory, name);
      if (size == record.size) continue;
      problems.push_back(
          {"wrong-size", name,
           "files: " + name + " has " + std::to_string(size) + " bytes, expected " + std::to_string(record.size)});
    } catch (const BundleError& error) {
      problems.push_back(within(std::string("files: ") + error.what(), error));
    }
  }
}

Problems digest_problems(const fs::path& directory, const Manifest& manifest) {
  Problems problems;
  for (const auto& [name, record] : manifest.files) {
    try {
      const std::string found = sha256_of_file(directory / name);
      if (found == record.sha256) continue;
      problems.push_back(
          {"wrong-digest", name,
           "files: " + name + " has the digest " + found + ", expected " + record.sha256 + ": the file was changed"});
    } catch (const FileError& error) {
      problems.push_back({"unreadable", name, "files: " + name + ": " + error.reason + ", expected a readable file"});
    }
  }
  return problems;
}

Problems graphs_problems(const fs::path& directory, const Manifest& manifest) {
  std::map<std::string, OnnxFile> graphs;
  for (const Artefact& artefact : manifest.artefacts) {
    for (const Graph& graph : artefact.graphs()) graphs[graph.file];
  }
  for (auto& [name, found] : graphs) found = read_onnx(directory / name);
  Problems problems;
  for (const Artefact& artefact : manifest.artefacts) {
    for (const Graph& graph : artefact.graphs()) {
      for (const Problem& problem : graph_problems(artefact, graph, graphs.at(graph.file), manifest)) {
        problems.push_back(prefixed(graph.file + ": ", problem));
      }
    }
  }
  return problems;
}

}  // namespace

Bundle read_bundle(const fs::path& path) {
  const fs::path resolved = directory(path);
  Manifest manifest = parse_manifest(manifest_text(resolved));
  Problems problems = task_problems(manifest, task_of(manifest.task));
  limit_problems(manifest, problems);
  file_problems(resolved, manifest, problems);
  raise_bundle_problems(problems, kManifestName);
  raise_bundle_problems(digest_problems(resolved, manifest), kManifestName);
  raise_bundle_problems(graphs_problems(resolved, manifest), kManifestName);
  return {resolved, std::move(manifest)};
}

}  // namespace bert_runtime
