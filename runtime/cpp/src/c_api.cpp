#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "bert_runtime/bert_runtime.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/json_session.h"

struct bert_runtime_session {
  bert_runtime::JsonSession session;
};

namespace {

/// A copy that free() frees; null where there is no memory.
char* copied(const std::string& text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy) std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

bert_runtime_status failed(char** error, bert_runtime_status status, const char* text) noexcept {
  if (error) *error = copied(text);
  return status;
}

/// Calls `work`; no exception leaves it.
template <class Work>
bert_runtime_status guarded(char** error, Work work) noexcept {
  if (error) *error = nullptr;
  try {
    work();
    return BERT_RUNTIME_OK;
  } catch (const bert_runtime::BundleError& failure) {
    return failed(error, BERT_RUNTIME_BUNDLE_ERROR, failure.what());
  } catch (const bert_runtime::InputError& failure) {
    return failed(error, BERT_RUNTIME_INPUT_ERROR, failure.what());
  } catch (const bert_runtime::BackendError& failure) {
    return failed(error, BERT_RUNTIME_BACKEND_ERROR, failure.what());
  } catch (const std::bad_alloc&) {
    return failed(error, BERT_RUNTIME_INTERNAL_ERROR, "there is no memory for it; use smaller requests");
  } catch (const std::exception& failure) {
    return failed(error, BERT_RUNTIME_INTERNAL_ERROR, failure.what());
  } catch (...) {
    return failed(error, BERT_RUNTIME_INTERNAL_ERROR, "an unknown error");
  }
}

void require(const void* argument, const char* name) {
  if (!argument) throw bert_runtime::InputError(std::string(name) + " is NULL, expected an address");
}

bert_runtime::Options plain(const bert_runtime_options* given) {
  bert_runtime::Options options;
  if (!given) return options;
  if (given->target) options.target = given->target;
  if (given->threads != 0) options.threads = given->threads;
  if (given->onnxruntime) options.onnxruntime = given->onnxruntime;
  if (given->encoder) options.encoder = given->encoder;
  return options;
}

}  // namespace

bert_runtime_status bert_runtime_load(const char* path, const bert_runtime_options* options,
                                      bert_runtime_session** session, char** error) {
  return guarded(error, [&] {
    require(path, "path");
    require(session, "session");
    *session = nullptr;
    *session = new bert_runtime_session{bert_runtime::JsonSession(path, plain(options))};
  });
}

bert_runtime_status bert_runtime_answer(const bert_runtime_session* session, const char* request, size_t length,
                                        char** result, char** error) {
  return guarded(error, [&] {
    require(session, "session");
    require(request, "request");
    require(result, "result");
    *result = nullptr;
    *result = copied(session->session({request, length}));
    if (!*result) throw std::bad_alloc();
  });
}

void bert_runtime_close(bert_runtime_session* session) { delete session; }

void bert_runtime_free_text(char* text) { std::free(text); }

const char* bert_runtime_version(void) { return BERT_RUNTIME_VERSION; }
