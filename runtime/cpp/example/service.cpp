// A service for any bundle: a request a line on the standard input, its answer a line on the standard output, several
// of them worked on at once by threads that share one model.
//
//   service BUNDLE [THREADS]
#include <bert_runtime/json_session.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <future>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using bert_runtime::JsonSession;

/// Work for threads, with an end.
class Queue {
 public:
  void put(std::packaged_task<std::string()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.notify_one();
  }

  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    changed_.notify_all();
  }

  /// The next task; false once there will be none.
  bool take(std::packaged_task<std::string()>& task) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_closed_ || !tasks_.empty(); });
    if (tasks_.empty()) return false;
    task = std::move(tasks_.front());
    tasks_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<std::string()>> tasks_;
  bool is_closed_ = false;
};

void work(Queue& queue) {
  for (std::packaged_task<std::string()> task; queue.take(task);) task();
}

/// A request that cannot be answered is answered by its error: the service goes on.
std::string answer(const JsonSession& session, const std::string& request) {
  try {
    return session(request);
  } catch (const bert_runtime::BertError& error) {
    return std::string("error: ") + error.what();
  }
}

int serve(const JsonSession& session, std::size_t thread_count) {
  Queue queue;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < thread_count; ++i) threads.emplace_back(work, std::ref(queue));
  std::deque<std::future<std::string>> answers;  // in the order of the requests
  const auto print_first = [&] {
    std::cout << answers.front().get() << std::endl;
    answers.pop_front();
  };
  for (std::string line; std::getline(std::cin, line);) {
    std::packaged_task<std::string()> task([&session, line] { return answer(session, line); });
    answers.push_back(task.get_future());
    queue.put(std::move(task));
    if (answers.size() > 2 * thread_count) print_first();
  }
  while (!answers.empty()) print_first();
  queue.close();
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::cerr << "usage: service BUNDLE [THREADS]\n";
    return 2;
  }
  try {
    // Each caller is a stream of its own: one thread a run, and as many runs at once as there are callers.
    return serve(JsonSession(arguments[1], {.threads = 1}), count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 2);
  } catch (const bert_runtime::BertError& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
