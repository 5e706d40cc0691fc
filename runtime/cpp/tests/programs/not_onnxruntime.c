/* A library that opens, and is no ONNX Runtime. */
__attribute__((visibility("default"))) int bert_runtime_test_answer(void) { return 42; }
