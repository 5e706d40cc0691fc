#include <dlfcn.h>
#include <doctest/doctest.h>

#include <string>

#include "backends/early_opening.h"
#include "backends/library.h"
#include "bert_runtime/errors.h"

using namespace bert_runtime;

namespace {

std::string refusal(const std::string& path) {
  try {
    (void)open_onnxruntime(path);
  } catch (const BackendError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

#ifndef BERT_RUNTIME_LINK_ONNXRUNTIME

TEST_CASE("what is opened early is there, and says what is wrong with it when it is needed") {
  {
    const EarlyOpening opening(BERT_RUNTIME_OLD_ONNXRUNTIME);
  }
  CHECK(::dlopen(BERT_RUNTIME_OLD_ONNXRUNTIME, RTLD_NOLOAD | RTLD_LAZY) != nullptr);
  CHECK(refusal(BERT_RUNTIME_OLD_ONNXRUNTIME).starts_with("ONNX Runtime 1.16.3 at "));
  {
    const EarlyOpening opening("/nowhere/early.so");
  }
  CHECK(refusal("/nowhere/early.so").starts_with("ONNX Runtime cannot be opened (/nowhere/early.so"));
}

TEST_CASE("an ONNX Runtime that is missing is told with what is expected and what to do") {
  const std::string text = refusal("/nowhere/libonnxruntime.so");
  CHECK(text.starts_with("ONNX Runtime cannot be opened (/nowhere/libonnxruntime.so: cannot open shared object file"));
  CHECK(text.find("expected 1.17 or later") != std::string::npos);
  CHECK(text.find("BERT_RUNTIME_ONNXRUNTIME") != std::string::npos);
}

TEST_CASE("an ONNX Runtime that is too old is told with both versions") {
  const std::string text = refusal(BERT_RUNTIME_OLD_ONNXRUNTIME);
  CHECK(text.starts_with("ONNX Runtime 1.16.3 at " BERT_RUNTIME_OLD_ONNXRUNTIME " is not supported, expected 1.17"));
}

TEST_CASE("a library that is no ONNX Runtime is refused") {
  CHECK(refusal(BERT_RUNTIME_NOT_ONNXRUNTIME) == BERT_RUNTIME_NOT_ONNXRUNTIME
        " is no ONNX Runtime: it has no OrtGetApiBase, expected 1.17 or later");
}

#else

TEST_CASE("a library that is linked leaves no choice of another") {
  CHECK(refusal("/nowhere/libonnxruntime.so") ==
        "this build is linked with ONNX Runtime and opens no other, got the option onnxruntime "
        "'/nowhere/libonnxruntime.so'; leave it out, or build without BERT_RUNTIME_LINK_ONNXRUNTIME");
  CHECK(open_onnxruntime(std::nullopt).place == "the library linked with this one");
}

#endif

TEST_CASE("an ONNX Runtime with known faults is named, and a later one is not") {
  CHECK(known_faults("1.27.0").starts_with("onnxruntime 1.27.0 has known faults in loading a graph from a stranger"));
  CHECK(known_faults("1.9.0").find("expected 1.28 or later") != std::string::npos);
  CHECK(known_faults("1.28.0").empty());
  CHECK(known_faults("1.100.0").empty());
}

TEST_CASE("the same library is opened once") {
  CHECK(&open_onnxruntime(std::nullopt) == &open_onnxruntime(std::nullopt));
}
