// Looks at one file or bundle a line, {"verb": ..., "path": ...}, and prints as JSON what comes of it: "fine", or the
// class and the text of the error.
//
//   load: a session of the bundle at path      read: the bundle alone
//   manifest: the file as a manifest.json      graph: the file as an ONNX model
#include <iostream>
#include <string>

#include "any_session.h"
#include "files.h"
#include "manifest_json.h"
#include "onnx_file.h"
#include "records.h"

using namespace bert_runtime;

namespace {

void look(const std::string& verb, const std::string& path) {
  if (verb == "load") {
    (void)start_any(read_bundle(path), {.target = "auto", .threads = 1});
  } else if (verb == "read") {
    (void)read_bundle(path);
  } else if (verb == "manifest") {
    (void)parse_manifest(read_file(path, kMaxManifestBytes + 1));
  } else {
    (void)read_onnx(path);
  }
}

Json outcome(const std::string& verb, const std::string& path) {
  try {
    look(verb, path);
    return "fine";
  } catch (const BundleError& error) {
    return {"BundleError", error.what()};
  } catch (const BackendError& error) {
    return {"BackendError", error.what()};
  } catch (const InputError& error) {
    return {"InputError", error.what()};
  }
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const Json question = read_record(line);
    std::cout << dumps(outcome(question.at("verb"), question.at("path"))) << std::endl;
  }
}
