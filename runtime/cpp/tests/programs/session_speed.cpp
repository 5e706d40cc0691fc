// How long a session takes to answer, for benchmarks/cpp_session.py:
//     session_speed BUNDLE
// Each line of input is {"request": {...}, "milliseconds": N}; the line of output is the answer and the CPU
// microseconds of each call. The session runs in one thread.
#include <ctime>
#include <iostream>
#include <string>

#include "any_session.h"
#include "records.h"

namespace {

using namespace bert_runtime;

/// Microseconds of CPU time of this process.
double now() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

Json raced(const AnySession& session, const Json& request, double microseconds) {
  Json answer = session.answer(request);
  Json calls = Json::array();
  for (const double start = now(); calls.empty() || now() - start < microseconds;) {
    const double before = now();
    answer = session.answer(request);
    calls.push_back(now() - before);
  }
  return Json::object({{"answer", answer}, {"microseconds", calls}});
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return std::cerr << "usage: session_speed BUNDLE\n", 2;
  try {
    const auto session = start_any(read_bundle(arguments[1]), {.threads = 1});
    for (std::string line; std::getline(std::cin, line);) {
      const Json asked = read_record(line);
      std::cout << dumps(raced(*session, asked.at("request"), asked.at("milliseconds").get<double>() * 1000))
                << std::endl;
    }
  } catch (const BertError& error) {
    return std::cerr << error.what() << '\n', 2;
  }
  return 0;
}
