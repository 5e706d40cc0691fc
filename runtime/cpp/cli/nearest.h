// The word that was probably meant, as Python's difflib finds it.
#pragma once

#include <string>
#include <vector>

namespace bert_runtime::cli {

/// " (did you mean …?)", or nothing where no known word is near.
[[nodiscard]] std::string nearest(const std::string& word, const std::vector<std::string>& known);

/// What is wrong with a word that is none of those known, and which of them was probably meant.
[[nodiscard]] std::string not_one_of(const std::string& word, const std::vector<std::string>& known);

}  // namespace bert_runtime::cli
