// Looks at one file or bundle a line, {"verb": ..., "path": ...}, and prints as JSON what comes of it: "fine", or the
// class of the error, [code, field] of each problem, and the text.
//
//   load: a session of the bundle at path      read: the bundle alone
//   manifest: the file as a manifest.json      graph: the file as an ONNX model, and in place of "fine" what was read
#include <iostream>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "any_session.h"
#include "files.h"
#include "manifest_json.h"
#include "onnx_file.h"
#include "records.h"

using namespace bert_runtime;

namespace {

Json tensors(const std::vector<GraphTensor>& all) {
  Json list = Json::array();
  for (const GraphTensor& tensor : all) {
    Json shape = nullptr;
    if (tensor.shape) {
      shape = Json::array();
      for (const Dimension& axis : *tensor.shape) {
        shape.push_back(std::visit(
            [](const auto& size) -> Json {
              if constexpr (std::is_same_v<std::decay_t<decltype(size)>, std::monostate>) {
                return nullptr;
              } else {
                return size;
              }
            },
            axis));
      }
    }
    list.push_back(Json::array({tensor.name, tensor.dtype, shape}));
  }
  return list;
}

Json reading(const OnnxFile& file) {
  Json external = Json::array();
  for (const ExternalData& each : file.external) {
    const Json length = each.length ? Json(*each.length) : Json(nullptr);
    external.push_back(Json::array({each.tensor, each.location, each.offset, length}));
  }
  const Json opset = file.opset ? Json(*file.opset) : Json(nullptr);
  return Json::array({opset, tensors(file.inputs), tensors(file.outputs), file.initializers, external, file.operators});
}

Json look(const std::string& verb, const std::string& path) {
  if (verb == "load") {
    (void)start_any(read_bundle(path), {.target = "auto", .threads = 1});
  } else if (verb == "read") {
    (void)read_bundle(path);
  } else if (verb == "manifest") {
    (void)parse_manifest(read_file(path, kMaxManifestBytes + 1));
  } else {
    return reading(read_onnx(path));
  }
  return "fine";
}

Json report_of(const char* kind, const BertError& error) {
  Json faults = Json::array();
  for (const Problem& problem : error.problems()) faults.push_back(Json::array({problem.code, problem.field}));
  return Json::array({kind, faults, error.what()});
}

Json outcome(const std::string& verb, const std::string& path) {
  try {
    return look(verb, path);
  } catch (const BundleError& error) {
    return report_of("BundleError", error);
  } catch (const BackendError& error) {
    return report_of("BackendError", error);
  } catch (const InputError& error) {
    return report_of("InputError", error);
  }
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const Json question = read_record(line);
    std::cout << dumps(outcome(question.at("verb"), question.at("path"))) << std::endl;
  }
}
