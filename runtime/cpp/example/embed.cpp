#include <bert_runtime/loading.h>

#include <iostream>

int main(int, char** arguments) try {
  using namespace bert_runtime;
  const auto session = load<QuestionAnswering>(arguments[1]);  // a handle: copy it, share it among threads
  const auto result = session({.question = "Where does Anna live?", .context = "Anna lives in Hamburg."});
  for (const auto& answer : result.answers) std::cout << answer.text << " " << answer.score << "\n";
} catch (const bert_runtime::BertError& error) {  // what was got, what was expected, what to do
  std::cerr << error.what() << "\n";
  return 2;
}
