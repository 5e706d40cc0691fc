// JSON from this repository's own tests: whatever is wrong with it is a mistake of the test.
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "json_text.h"

namespace bert_runtime {

inline Json json_of(std::string_view text) {
  const auto refuse = [](std::string_view found) { throw std::invalid_argument(std::string(found)); };
  return parse_json<Json>(text, {refuse, refuse, [](std::string_view) {}, [](const std::string&) {}});
}

inline Json json_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error(path + " cannot be read");
  return json_of(std::string(std::istreambuf_iterator<char>(stream), {}));
}

}  // namespace bert_runtime
