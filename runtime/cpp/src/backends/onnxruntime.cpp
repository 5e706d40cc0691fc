#include "backends/onnxruntime.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "backends/assignment.h"
#include "backends/status.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/limits.h"
#include "files.h"

namespace bert_runtime {
namespace {

/// Bytes of the record of one run: a few hundred for each node.
constexpr std::size_t kMostRecord = std::size_t{1} << 26;
constexpr const char* kRefused = "onnxruntime could not run the graph: ";

using Values = std::vector<std::shared_ptr<OrtValue>>;

/// An owner of what the API made.
template <class Made>
std::shared_ptr<Made> owned(Made* made, void(ORT_API_CALL* release)(Made*)) {
  return std::shared_ptr<Made>(made, release);
}

/// A tensor over memory of the caller; `values` is written to only where the graph writes an output.
template <class Value>
std::shared_ptr<OrtValue> tensor(const OrtApi& api, const OrtMemoryInfo* memory, const Shape& shape,
                                 std::span<Value> values) {
  using Plain = std::remove_const_t<Value>;
  constexpr auto kType =
      std::is_same_v<Plain, float> ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
  static Plain nothing = 0;  // a tensor without values still wants an address
  Plain* data = values.empty() ? &nothing : const_cast<Plain*>(values.data());
  OrtValue* value = nullptr;
  OrtStatus* status =
      api.CreateTensorWithDataAsOrtValue(memory, data, values.size_bytes(), shape.data(), shape.size(), kType, &value);
  check(api, status, kRefused);
  return owned(value, api.ReleaseValue);
}

Values inputs(const OrtApi& api, const OrtMemoryInfo* memory, std::span<const Input> feeds) {
  Values made;
  for (const Input& feed : feeds) {
    made.push_back(std::visit([&](auto values) { return tensor(api, memory, feed.shape, values); }, feed.values));
  }
  return made;
}

std::vector<const OrtValue*> addresses(const Values& values) {
  std::vector<const OrtValue*> found;
  for (const auto& value : values) found.push_back(value.get());
  return found;
}

template <class Named>
std::vector<const char*> names(std::span<const Named> items) {
  std::vector<const char*> found;
  for (const Named& item : items) found.push_back(item.name.c_str());
  return found;
}

/// What the engine made, as the array that it is.
FloatArray array(const OrtApi& api, const std::string& name, std::shared_ptr<OrtValue> value) {
  OrtTensorTypeAndShapeInfo* made = nullptr;
  check(api, api.GetTensorTypeAndShape(value.get(), &made), kRefused);
  const auto info = owned(made, api.ReleaseTensorTypeAndShapeInfo);
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::size_t rank = 0;
  check(api, api.GetTensorElementType(info.get(), &type), kRefused);
  check(api, api.GetDimensionsCount(info.get(), &rank), kRefused);
  if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
    throw BackendError(kRefused + name + " is of ONNX type " + std::to_string(type) + ", expected float32");
  }
  Shape shape(rank);
  check(api, api.GetDimensions(info.get(), shape.data(), rank), kRefused);
  void* data = nullptr;
  check(api, api.GetTensorMutableData(value.get(), &data), kRefused);
  const auto count = static_cast<std::size_t>(element_count(shape));
  return {std::move(shape), {static_cast<const float*>(data), count}, std::move(value)};
}

/// A folder that nobody else can have made, for the record of a run.
std::filesystem::path new_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "bert_runtime.XXXXXX").string();
  if (!::mkdtemp(name.data())) {
    throw BackendError("no folder can be made in " + std::filesystem::temp_directory_path().string() +
                       ", where ONNX Runtime keeps the record of a run; let TMPDIR name one that can be written to");
  }
  return name;
}

std::shared_ptr<OrtSession> loaded(const Library& library, const std::filesystem::path& model,
                                   const Placement& placement) {
  const OrtApi& api = *library.api;
  const std::string failure = "onnxruntime " + library.version + " refuses an option: ";
  OrtSessionOptions* made = nullptr;
  check(api, api.CreateSessionOptions(&made), failure);
  const auto options = owned(made, api.ReleaseSessionOptions);
  check(api, api.SetIntraOpNumThreads(options.get(), static_cast<int>(std::min(placement.threads, kMostThreads))),
        failure);
  check(api, api.SetInterOpNumThreads(options.get(), 1), failure);
  check(api, api.SetSessionLogSeverityLevel(options.get(), ORT_LOGGING_LEVEL_FATAL), failure);
  if (provider_name(placement.target) == kCpuProvider) {
    // A block of memory for each shape that was met, and batches have many.
    check(api, api.DisableMemPattern(options.get()), failure);
  }
  add_provider(library, options.get(), placement.target, placement.provider);
  if (placement.is_recorded) {
    check(api, api.EnableProfiling(options.get(), (new_folder() / "run").c_str()), failure);
  }
  OrtSession* session = nullptr;
  if (OrtStatus* status = api.CreateSession(library.environment, model.c_str(), options.get(), &session)) {
    throw BundleError(Problem("bad-graph", model.filename().string(),
                              model.filename().string() + ": onnxruntime " + library.version +
                                  " cannot load it: " + message(api, status) +
                                  "; export the bundle again, or install the onnxruntime it was made with"));
  }
  return owned(session, api.ReleaseSession);
}

}  // namespace

OnnxRuntimeEngine::OnnxRuntimeEngine(const std::filesystem::path& model, const Placement& placement)
    : library_(open_onnxruntime(placement.library)),
      api_(*library_.api),
      name_("onnxruntime " + library_.version + " " + provider_name(placement.target)),
      provider_(provider_name(placement.target)),
      session_(loaded(library_, model, placement)) {
  OrtMemoryInfo* memory = nullptr;
  check(api_, api_.CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory), kRefused);
  memory_ = owned(memory, api_.ReleaseMemoryInfo);
}

OnnxRuntimeEngine::~OnnxRuntimeEngine() {
  // Freeing a session waits for its threads, of which a forked process has none.
  if (!process_.is_here()) new std::shared_ptr<OrtSession>(session_);
}

std::vector<FloatArray> OnnxRuntimeEngine::run(std::span<const Input> feeds, std::span<const std::string> fetch) const {
  process_.check();
  const Values given = inputs(api_, memory_.get(), feeds);
  std::vector<const char*> wanted;
  for (const std::string& name : fetch) wanted.push_back(name.c_str());
  std::vector<OrtValue*> made(fetch.size(), nullptr);
  check(api_,
        api_.Run(session_.get(), nullptr, names(feeds).data(), addresses(given).data(), given.size(), wanted.data(),
                 wanted.size(), made.data()),
        kRefused);
  Values values;
  for (OrtValue* value : made) values.push_back(owned(value, api_.ReleaseValue));
  std::vector<FloatArray> outputs;
  for (std::size_t i = 0; i < fetch.size(); ++i) outputs.push_back(array(api_, fetch[i], std::move(values[i])));
  return outputs;
}

void OnnxRuntimeEngine::prove(std::span<const Input> feeds, std::span<const std::string> fetch) const {
  const std::vector<FloatArray> outputs = run(feeds, fetch);
  check_assignment(record(), provider_, "load another target, or export the bundle again");
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (std::ranges::all_of(outputs[i].values, [](float value) { return std::isfinite(value); })) continue;
    throw BackendError(name_ + " answers a small batch with " + fetch[i] +
                       " not finite, expected numbers; load another target, or export the bundle again");
  }
}

std::string OnnxRuntimeEngine::record() const {
  OrtAllocator* allocator = nullptr;
  check(api_, api_.GetAllocatorWithDefaultOptions(&allocator), kRefused);
  char* made = nullptr;
  check(api_, api_.SessionEndProfiling(session_.get(), allocator, &made), kRefused);
  const std::filesystem::path file = made;
  check(api_, api_.AllocatorFree(allocator, made), kRefused);
  std::string content;
  try {
    content = read_file(file, kMostRecord);
  } catch (const FileError& error) {
    throw BackendError(file.string() + " cannot be read: " + error.reason +
                       ", expected ONNX Runtime's record of a run; let TMPDIR name a directory that can be written to");
  }
  std::error_code none;
  std::filesystem::remove_all(file.parent_path(), none);
  return content;
}

void OnnxRuntimeEngine::run_into(std::span<const Input> feeds, std::span<const Output> outputs) const {
  process_.check();
  const Values given = inputs(api_, memory_.get(), feeds);
  Values taken;
  std::vector<OrtValue*> places;
  for (const Output& output : outputs) {
    taken.push_back(tensor(api_, memory_.get(), output.shape, output.values));
    places.push_back(taken.back().get());
  }
  check(api_,
        api_.Run(session_.get(), nullptr, names(feeds).data(), addresses(given).data(), given.size(),
                 names(outputs).data(), places.size(), places.data()),
        kRefused);
}

}  // namespace bert_runtime
