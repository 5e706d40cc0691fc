// What is asked of a GPU's engine, without one: ONNX Runtime's own records of runs, and the options of its providers.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "backends/assignment.h"
#include "backends/onnxruntime.h"
#include "backends/small_batch.h"
#include "backends/tensorrt.h"
#include "bert_runtime/bundle.h"
#include "bert_runtime/errors.h"
#include "golden.h"

using namespace bert_runtime;

namespace {

constexpr const char* kFix = "do something";

std::string node(const std::string& name, const std::string& provider) {
  return R"({"cat":"Node","name":"n","args":{"op_name":")" + name + R"(","provider":")" + provider + R"("}})";
}

/// An environment variable for a time.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

/// A folder for a time.
struct Folder {
  Folder() : path(std::filesystem::temp_directory_path() / ("test_gpu." + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

}  // namespace

TEST_CASE("operators that compute shapes may run on the CPU, and no other") {
  const std::string cuda = "CUDAExecutionProvider";
  const std::string cpu = "CPUExecutionProvider";
  const std::string network = node("Attention", cuda);
  CHECK_NOTHROW(check_assignment("[" + network + "," + node("Concat", cpu) + "," + node("Squeeze", cpu) + "," +
                                     node("Sub", cpu) + "," + node("Reshape", cpu) + "]",
                                 cuda, kFix));
  CHECK_THROWS_WITH(
      check_assignment("[" + network + "," + node("MatMul", cpu) + "," + node("MatMul", cpu) + "]", cuda, kFix),
      "onnxruntime put 2 MatMul on CPUExecutionProvider, expected the whole network on CUDAExecutionProvider; do "
      "something");
  for (const std::string& record : {"[" + node("Shape", cpu) + "]", std::string("[]"), std::string("no JSON")}) {
    CHECK_THROWS_WITH(check_assignment(record, cuda, kFix),
                      "onnxruntime put nothing at all on it, expected the whole network on CUDAExecutionProvider; do "
                      "something");
  }
}

TEST_CASE("ONNX Runtime's record of a small batch says where each operator ran, and leaves no file") {
  const Bundle bundle = read_bundle(golden::path("text-classification"));
  const Artefact& artefact = bundle.manifest.artefacts.front();
  const Folder folder;
  const Variable place("TMPDIR", folder.path.string());
  const Placement placement = {.is_recorded = true};
  const OnnxRuntimeEngine proven(bundle.directory / artefact.file, placement);
  CHECK_NOTHROW(prove(proven, artefact.inputs, artefact.outputs, bundle.manifest.sizes));
  const OnnxRuntimeEngine other(bundle.directory / artefact.file, placement);
  CHECK_THROWS_AS(prove(other, {}, artefact.outputs, bundle.manifest.sizes), BackendError);
  (void)other.record();
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("a record of the CPU does not prove a GPU") {
  const Bundle bundle = read_bundle(golden::path("text-classification"));
  const Artefact& artefact = bundle.manifest.artefacts.front();
  const OnnxRuntimeEngine engine(bundle.directory / artefact.file, Placement{.is_recorded = true});
  std::vector<std::string> fetch = {artefact.outputs.front().name};
  const auto batch = small_batch(artefact.inputs, bundle.manifest.sizes);
  std::vector<Input> feeds;
  for (const auto& [name, tensor] : batch) {
    feeds.push_back({name, tensor.shape, std::span(std::get<std::vector<std::int64_t>>(tensor.values))});
  }
  (void)engine.run(feeds, fetch);
  const std::string record = engine.record();
  CHECK_NOTHROW(check_assignment(record, "CPUExecutionProvider", kFix));
  CHECK_THROWS_AS(check_assignment(record, "CUDAExecutionProvider", kFix), BackendError);
}

TEST_CASE("TensorRT is told the sizes and a folder of the user's own cache") {
  const Bundle bundle = read_bundle(golden::path("text-classification"));
  const Artefact& artefact = bundle.manifest.artefacts.front();
  const Folder folder;
  const Variable cache("XDG_CACHE_HOME", folder.path.string());
  const Library& library = open_onnxruntime(std::nullopt);
  const auto options = tensorrt_options(bundle, artefact, {.max_batch_size = 4}, std::nullopt, library);
  const std::string length = std::to_string(bundle.manifest.tokenizer.max_length);
  CHECK(options.at("trt_profile_min_shapes").starts_with("input_ids:1x1,attention_mask:1x1"));
  CHECK(options.at("trt_profile_max_shapes").starts_with("input_ids:4x" + length + ","));
  CHECK(options.at("trt_engine_cache_enable") == "1");
  const std::filesystem::path engines = options.at("trt_engine_cache_path");
  CHECK(engines.parent_path() == folder.path / "bert-export" / "engines");
  CHECK(std::filesystem::is_directory(engines));
  const auto others = tensorrt_options(bundle, artefact, {.max_batch_size = 8}, std::nullopt, library);
  CHECK(others.at("trt_engine_cache_path") != engines);
  const auto named = tensorrt_options(bundle, artefact, {}, folder.path / "named", library);
  CHECK(std::filesystem::path(named.at("trt_engine_cache_path")).parent_path() == folder.path / "named");
}

TEST_CASE("a cache that others may write to is refused") {
  const Folder folder;
  const Variable cache("XDG_CACHE_HOME", folder.path.string());
  const std::filesystem::path engines = user_cache();
  struct stat found = {};
  REQUIRE(::stat(engines.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0700);
  ::chmod(engines.c_str(), 0777);
  CHECK_THROWS_AS((void)user_cache(), BackendError);
}
