// Reads one JSON text a line (itself a JSON string) and prints what the parser makes of it: a value, or an error.
#include <iostream>
#include <string>

#include "json_text.h"

using namespace bert_runtime;

int main() {
  const auto refuse = [](std::string_view text) { throw std::invalid_argument(std::string(text)); };
  const JsonLimits limits = {refuse, refuse, [](std::string_view) {}, [](const std::string&) {}};
  for (std::string line; std::getline(std::cin, line);) {
    const std::string text = parse_json<Json>(line, limits).get<std::string>();
    Json answer = Json::object();
    try {
      answer["value"] = parse_json<Json>(text, limits);
    } catch (const std::exception& error) {
      answer["error"] = error.what();
    }
    std::cout << dumps(answer) << "\n";
  }
}
