/* What an ONNX Runtime that is too old looks like from outside: it knows no API that is asked for. */
#include <stddef.h>
#include <stdint.h>

struct api_base {
  const void* (*get_api)(uint32_t version);
  const char* (*get_version)(void);
};

static const void* get_api(uint32_t version) {
  (void)version;
  return NULL;
}

static const char* get_version(void) { return "1.16.3"; }

__attribute__((visibility("default"))) const struct api_base* OrtGetApiBase(void) {
  static const struct api_base base = {get_api, get_version};
  return &base;
}
