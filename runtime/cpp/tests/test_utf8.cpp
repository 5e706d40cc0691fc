#include <doctest/doctest.h>

#include "bert_runtime/utf8.h"

using bert_runtime::code_points;
using bert_runtime::count_code_points;

TEST_CASE("code points count characters, not bytes") {
  CHECK(count_code_points("") == 0);
  CHECK(count_code_points("aé日😀") == 4);
}

TEST_CASE("a part is cut at characters and points into the text") {
  const std::string_view text = "aé日😀z";
  CHECK(code_points(text, {0, 5}) == text);
  CHECK(code_points(text, {1, 3}) == "é日");
  CHECK(code_points(text, {3, 4}) == "😀");
  CHECK(code_points(text, {4, 5}).data() == text.data() + text.size() - 1);
}

TEST_CASE("a part that leaves the text is cut at its ends") {
  CHECK(code_points("é日", {-3, 1}) == "é");
  CHECK(code_points("é日", {1, 99}) == "日");
  CHECK(code_points("é日", {2, 3}).empty());
  CHECK(code_points("é日", {1, 1}).empty());
  CHECK(code_points("é日", {1, 0}).empty());
  CHECK(code_points("é日", {-2, -1}).empty());
  CHECK(code_points("", {0, 1}).empty());
}
