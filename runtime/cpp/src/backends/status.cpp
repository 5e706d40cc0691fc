#include "backends/status.h"

#include <array>
#include <cstddef>

#include "bert_runtime/errors.h"

namespace bert_runtime {
namespace {

std::string code_name(OrtErrorCode code) {
  static constexpr std::array kNames = {"SUCCESS",           "FAIL",
                                        "INVALID_ARGUMENT",  "NO_SUCHFILE",
                                        "NO_MODEL",          "ENGINE_ERROR",
                                        "RUNTIME_EXCEPTION", "INVALID_PROTOBUF",
                                        "MODEL_LOADED",      "NOT_IMPLEMENTED",
                                        "INVALID_GRAPH",     "EP_FAIL"};
  const auto number = static_cast<std::size_t>(code);
  return number < kNames.size() ? kNames[number] : "GENERAL ERROR";
}

}  // namespace

std::string message(const OrtApi& api, OrtStatus* status) {
  const OrtErrorCode code = api.GetErrorCode(status);
  std::string text =
      "[ONNXRuntimeError] : " + std::to_string(code) + " : " + code_name(code) + " : " + api.GetErrorMessage(status);
  api.ReleaseStatus(status);
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

void check(const OrtApi& api, OrtStatus* status, const std::string& what) {
  if (status) throw BackendError(what + message(api, status));
}

}  // namespace bert_runtime
