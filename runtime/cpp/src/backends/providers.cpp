#include "backends/providers.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "backends/status.h"
#include "bert_runtime/errors.h"
#include "in_json.h"
#include "target.h"
#include "texts.h"

namespace bert_runtime {
namespace {

constexpr const char* kCudaProvider = "CUDAExecutionProvider";

std::vector<std::string> available(const Library& library) {
  char** names = nullptr;
  int count = 0;
  check(*library.api, library.api->GetAvailableProviders(&names, &count), "onnxruntime does not list its providers: ");
  std::vector<std::string> found(names, names + count);
  check(*library.api, library.api->ReleaseAvailableProviders(names, count), "");
  return found;
}

/// The keys and values, as the functions that take them want them.
struct Columns {
  explicit Columns(const ProviderOptions& options) {
    for (const auto& [key, value] : options) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }
  std::vector<const char*> keys;
  std::vector<const char*> values;
};

/// Products of an fp32 graph stay in single precision: the provider would round their inputs to TF32.
const ProviderOptions kCudaOptions = {{"use_tf32", "0"}};

void add_cuda(const Library& library, OrtSessionOptions* options, const std::string& failure) {
  const OrtApi& api = *library.api;
  OrtCUDAProviderOptionsV2* cuda = nullptr;
  check(api, api.CreateCUDAProviderOptions(&cuda), failure);
  const std::unique_ptr<OrtCUDAProviderOptionsV2, decltype(api.ReleaseCUDAProviderOptions)> owner(
      cuda, api.ReleaseCUDAProviderOptions);
  const Columns own(kCudaOptions);
  check(api, api.UpdateCUDAProviderOptions(cuda, own.keys.data(), own.values.data(), own.keys.size()), failure);
  check(api, api.SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda), failure);
}

void add_tensorrt(const Library& library, OrtSessionOptions* options, const ProviderOptions& asked,
                  const std::string& failure) {
  const OrtApi& api = *library.api;
  OrtTensorRTProviderOptionsV2* tensorrt = nullptr;
  check(api, api.CreateTensorRTProviderOptions(&tensorrt), failure);
  const std::unique_ptr<OrtTensorRTProviderOptionsV2, decltype(api.ReleaseTensorRTProviderOptions)> owner(
      tensorrt, api.ReleaseTensorRTProviderOptions);
  const Columns own(asked);
  check(api, api.UpdateTensorRTProviderOptions(tensorrt, own.keys.data(), own.values.data(), own.keys.size()), failure);
  check(api, api.SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorrt), failure);
}

}  // namespace

std::string provider_name(const std::string& target) {
  const Target* found = find_target(target);
  return found ? found->provider : kCpuProvider;
}

void add_provider(const Library& library, OrtSessionOptions* options, const std::string& target,
                  const ProviderOptions& own) {
  const std::string provider = provider_name(target);
  const std::vector<std::string> found = available(library);
  const std::string where = "target " + in_json(target) + ": onnxruntime " + library.version + " at " + library.place;
  if (std::ranges::find(found, provider) == found.end()) {
    throw BackendError(where + " has not the " + provider + ", only " + joined(found) +
                       "; install the onnxruntime made for it, or load another target");
  }
  if (provider == kCpuProvider) return;
  const std::string failure = where + " cannot start the " + provider + ": ";
  if (provider != kCudaProvider) add_tensorrt(library, options, own, failure);
  add_cuda(library, options, failure);  // for TensorRT's target too: what TensorRT leaves, such as copies
}

}  // namespace bert_runtime
