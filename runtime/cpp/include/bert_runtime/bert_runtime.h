/* The runtime for C, and for every language that calls C: load a bundle, answer JSON with JSON.
 *
 * No function throws, and none ends the process. A function that can fail returns a status; where it is not
 * BERT_RUNTIME_OK, *error is a text that says what was got, what was expected and what to do. Texts are UTF-8, end with
 * a zero byte, belong to the caller, and are freed by bert_runtime_free_text. */
#ifndef BERT_RUNTIME_BERT_RUNTIME_H
#define BERT_RUNTIME_BERT_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "bert_runtime/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bert_runtime_status {
  BERT_RUNTIME_OK = 0,
  BERT_RUNTIME_BUNDLE_ERROR = 1,  /* the directory breaks the format of a bundle */
  BERT_RUNTIME_INPUT_ERROR = 2,   /* the request or an option cannot be used */
  BERT_RUNTIME_BACKEND_ERROR = 3, /* ONNX Runtime is missing, too old, or failed */
  BERT_RUNTIME_INTERNAL_ERROR = 4 /* no memory, or a mistake of this library */
} bert_runtime_status;

/* A loaded bundle. Any number of threads may ask it at once. */
typedef struct bert_runtime_session bert_runtime_session;

/* How a bundle is loaded. Set every field to 0 (or use = {0}), then what differs; 0 and NULL take the default. */
typedef struct bert_runtime_options {
  const char* target;      /* auto, cpu, portable, cuda or tensorrt; a named one never falls back to another */
  int64_t threads;         /* of one run; 0: the CPUs that this process may use */
  const char* onnxruntime; /* the path of ONNX Runtime's library; NULL: see README.md */
  const char* encoder;     /* for a decoder that reads an encoder: the bundle that reads a source's text; or NULL */
} bert_runtime_options;

/* Checks the bundle in the directory `path` and makes it ready. `options` may be NULL, and is read during the call
 * only. On success *session is the caller's, to be given to bert_runtime_close. Safe in threads. */
BERT_RUNTIME_API bert_runtime_status bert_runtime_load(const char* path, const bert_runtime_options* options,
                                                       bert_runtime_session** session, char** error);

/* Answers one request: a JSON object of `length` bytes with the fields of the task's request. On success *result is a
 * JSON object, the caller's. The text of the request is read during the call only. Safe in threads. */
BERT_RUNTIME_API bert_runtime_status bert_runtime_answer(const bert_runtime_session* session, const char* request,
                                                         size_t length, char** result, char** error);

/* Frees a session that no thread uses any more; NULL is allowed. */
BERT_RUNTIME_API void bert_runtime_close(bert_runtime_session* session);

/* Frees a text that a function above gave; NULL is allowed. Safe in threads. */
BERT_RUNTIME_API void bert_runtime_free_text(char* text);

/* The library's version, such as 0.1.0; lives as long as the program. Safe in threads. */
BERT_RUNTIME_API const char* bert_runtime_version(void);

#ifdef __cplusplus
}
#endif

#endif
