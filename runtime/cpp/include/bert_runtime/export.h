// What leaves the library: everything else is hidden.
#pragma once

#if defined(BERT_RUNTIME_STATIC)
#define BERT_RUNTIME_API
#else
#define BERT_RUNTIME_API __attribute__((visibility("default")))
#endif
