// From an argument list to a Command: what `bert_run` was asked to do.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "any_session.h"
#include "bert_runtime/bundle.h"
#include "bert_runtime/loading.h"
#include "files.h"
#include "json_text.h"
#include "line_files.h"

namespace bert_runtime::cli {

/// A parsed command line.
struct Command {
  Bundle bundle;                 ///< Read and checked.
  Options options;               ///< How it is loaded.
  Json fields = Json::object();  ///< The request's fields that flags gave.
  std::optional<LineFiles> files;
  bool describe = false;   ///< Print what the bundle is, instead of answering.
  bool self_test = false;  ///< Answer the bundle's canaries.
};

/// Reads the bundle first, as its task decides which flags there are; nothing when --help or --version was answered
/// on `output`.
///
/// Throws InputError: flags that are unknown, wrong, or contradict each other; BundleError: the bundle breaks its
/// format.
[[nodiscard]] std::optional<Command> parse(const std::vector<std::string>& arguments, std::ostream& output);

}  // namespace bert_runtime::cli
