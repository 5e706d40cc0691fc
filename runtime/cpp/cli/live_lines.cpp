#include "live_lines.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace bert_runtime::cli {
namespace {

/// How many records are read and not yet taken, at most.
constexpr std::size_t kRoom = 1024;
constexpr std::chrono::milliseconds kWait{10};

}  // namespace

struct LiveLines::State {
  std::shared_ptr<std::istream> stream;
  std::unique_ptr<Reader> reader;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Line> lines;
  std::exception_ptr failure;
  bool has_ended = false;
  bool is_closed = false;

  [[nodiscard]] bool is_ready() const { return has_ended || !lines.empty(); }

  void read() {
    try {
      while (std::optional<Line> line = reader->next()) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return is_closed || lines.size() < kRoom; });
        if (is_closed) return;
        lines.push_back(std::move(*line));
        changed.notify_all();
      }
    } catch (...) {
      const std::scoped_lock lock(mutex);
      failure = std::current_exception();
    }
    const std::scoped_lock lock(mutex);
    has_ended = true;
    changed.notify_all();
  }
};

LiveLines::LiveLines(std::unique_ptr<Reader> reader, std::shared_ptr<std::istream> stream, bool may_block)
    : state_(std::make_shared<State>()), may_block_(may_block) {
  state_->stream = std::move(stream);
  state_->reader = std::move(reader);
  // Detached: it may wait for a line that never comes, and the command must end all the same.
  if (may_block) std::thread([state = state_] { state->read(); }).detach();
}

LiveLines::~LiveLines() {
  const std::scoped_lock lock(state_->mutex);
  state_->is_closed = true;
  state_->changed.notify_all();
}

std::optional<Line> LiveLines::next() {
  if (!may_block_) return state_->reader->next();
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->is_ready(); });
  if (state_->lines.empty()) {
    if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
    return std::nullopt;
  }
  Line line = std::move(state_->lines.front());
  state_->lines.pop_front();
  state_->changed.notify_all();
  return line;
}

bool LiveLines::is_due() {
  if (!may_block_) return false;
  std::unique_lock lock(state_->mutex);
  return !state_->changed.wait_for(lock, kWait, [&] { return state_->is_ready(); });
}

}  // namespace bert_runtime::cli
