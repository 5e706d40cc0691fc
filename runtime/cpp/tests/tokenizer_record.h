// What a manifest would say of a tokenizer, for tests of files that no bundle holds.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "bert_runtime/text.h"
#include "json_text.h"

namespace bert_runtime {

/// Of tests/cases/tiny_tokenizer.json.
inline TokenizerRecord tiny_record(std::int64_t max_length) {
  return {.file = "tiny_tokenizer.json", .max_length = max_length, .pad_id = 0, .mask_id = 4};
}

/// Every key of a manifest's `tokenizer`; keys that are missing keep the value of `usual`.
inline TokenizerRecord record_of(const Json& given, TokenizerRecord usual = {}) {
  usual.file = given.value("file", usual.file);
  usual.max_length = given.value("max_length", usual.max_length);
  usual.pad_id = given.value("pad_id", usual.pad_id);
  usual.truncation_side = given.value("truncation_side", usual.truncation_side);
  usual.pair_type_ids = given.value("pair_type_ids", usual.pair_type_ids);
  usual.lower_case = given.value("lower_case", usual.lower_case);
  if (given.contains("mask_id")) {
    usual.mask_id = given["mask_id"].is_null() ? std::nullopt : std::optional(given["mask_id"].get<std::int64_t>());
  }
  return usual;
}

}  // namespace bert_runtime
