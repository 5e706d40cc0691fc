/* The C API: a bundle is loaded and answers; every mistake comes back as a status and a text. */
#include <stdio.h>
#include <string.h>

#include "bert_runtime/bert_runtime.h"

static int failures = 0;

static void check(int holds, const char* claim) {
  if (holds) return;
  fprintf(stderr, "not true: %s\n", claim);
  ++failures;
}

static void check_refused(bert_runtime_status found, bert_runtime_status expected, char* error, const char* words) {
  check(found == expected, words);
  check(error != NULL && strstr(error, words) != NULL, words);
  bert_runtime_free_text(error);
}

static void a_question_is_answered(const bert_runtime_session* session) {
  const char* request = "{\"question\": \"Who lives in Hamburg?\", \"context\": \"Anna lives in Hamburg.\"}";
  char* result = NULL;
  char* error = NULL;
  const bert_runtime_status status = bert_runtime_answer(session, request, strlen(request), &result, &error);
  check(status == BERT_RUNTIME_OK && error == NULL, "a request is answered");
  check(result != NULL && strstr(result, "\"answers\"") != NULL, "the result has the fields of the task");
  bert_runtime_free_text(result);
}

static void mistakes_are_told(const bert_runtime_session* session) {
  char* result = NULL;
  char* error = NULL;
  bert_runtime_status status = bert_runtime_answer(session, "{", 1, &result, &error);
  check_refused(status, BERT_RUNTIME_INPUT_ERROR, error, "not JSON");
  status = bert_runtime_answer(session, "{\"question\": 1}", 15, &result, &error);
  check_refused(status, BERT_RUNTIME_INPUT_ERROR, error, "missing field \"context\"");
  status = bert_runtime_answer(session, NULL, 0, &result, &error);
  check_refused(status, BERT_RUNTIME_INPUT_ERROR, error, "request is NULL");
  status = bert_runtime_answer(NULL, "{}", 2, &result, &error);
  check_refused(status, BERT_RUNTIME_INPUT_ERROR, error, "session is NULL");
  check(bert_runtime_answer(session, "{", 1, &result, NULL) == BERT_RUNTIME_INPUT_ERROR, "error may be NULL");
}

static void a_bundle_that_cannot_be_loaded_gives_no_session(const char* bundle) {
  bert_runtime_session* session = NULL;
  char* error = NULL;
  bert_runtime_options options = {0};
  bert_runtime_status status = bert_runtime_load("/nowhere", NULL, &session, &error);
  check_refused(status, BERT_RUNTIME_BUNDLE_ERROR, error, "does not exist");
  options.target = "cuda";
  status = bert_runtime_load(bundle, &options, &session, &error);
  check_refused(status, BERT_RUNTIME_BACKEND_ERROR, error, "\"cuda\"");
  options.target = NULL;
  options.threads = -1;
  status = bert_runtime_load(bundle, &options, &session, &error);
  check_refused(status, BERT_RUNTIME_INPUT_ERROR, error, "threads is -1");
  check(session == NULL, "there is no session after an error");
}

static void a_decoder_reads_its_source_through_an_encoder(const char* decoder, const char* encoder) {
  const char* request = "{\"prompt\": \"the\", \"encoder_text\": \"A film.\", \"max_new_tokens\": 3}";
  bert_runtime_session* session = NULL;
  char* result = NULL;
  char* error = NULL;
  bert_runtime_options options = {0};
  check(bert_runtime_load(decoder, NULL, &session, &error) == BERT_RUNTIME_OK, "a decoder loads without its encoder");
  bert_runtime_status status = bert_runtime_answer(session, request, strlen(request), &result, &error);
  check_refused(status, BERT_RUNTIME_INPUT_ERROR, error, "encoder_text is a text and no encoder was loaded");
  bert_runtime_close(session);
  options.encoder = encoder;
  check(bert_runtime_load(decoder, &options, &session, &error) == BERT_RUNTIME_OK, "a decoder loads with its encoder");
  status = bert_runtime_answer(session, request, strlen(request), &result, &error);
  check(status == BERT_RUNTIME_OK && strstr(result, "\"token_ids\"") != NULL, "a source in text is read");
  bert_runtime_free_text(result);
  bert_runtime_close(session);
  options.encoder = decoder;
  status = bert_runtime_load(decoder, &options, &session, &error);
  check_refused(status, BERT_RUNTIME_BUNDLE_ERROR, error, "expected feature-extraction");
}

int main(int count, char** arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: c_api_test BUNDLE DECODER ENCODER\n");
    return 2;
  }
  bert_runtime_session* session = NULL;
  char* error = NULL;
  a_bundle_that_cannot_be_loaded_gives_no_session(arguments[1]);
  if (bert_runtime_load(arguments[1], NULL, &session, &error) != BERT_RUNTIME_OK) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  a_question_is_answered(session);
  mistakes_are_told(session);
  bert_runtime_close(session);
  bert_runtime_close(NULL);
  a_decoder_reads_its_source_through_an_encoder(arguments[2], arguments[3]);
  check(strlen(bert_runtime_version()) > 0, "the library has a version");
  return failures ? 1 : 0;
}
