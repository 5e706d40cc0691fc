// Made by tools/make_format_tables.py from bert_runtime: change it there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bert_runtime {

/// Requests that `predict` reads before it answers, to choose batches from.
inline constexpr std::size_t kLookahead = 256;
/// Tokens of encoded requests beyond which `predict` reads no further.
inline constexpr std::int64_t kHeldTokens = 524288;
/// More than any machine has; an engine would start them all.
inline constexpr std::int64_t kMostThreads = 1024;
/// Beams or texts of one request: each has a cache of its own.
inline constexpr std::int64_t kMostLanes = 1024;
/// The newest version of the bundle format that this library reads.
inline constexpr std::int64_t kFormatVersion = 2;
/// The oldest one.
inline constexpr std::int64_t kOldestFormatVersion = 1;
/// See BatchLimits.
inline constexpr std::int64_t kDefaultMaxBatchTokens = 2048;
/// See BatchLimits.
inline constexpr std::int64_t kDefaultMaxBatchSize = 64;
/// See BatchLimits.
inline constexpr double kDefaultMaxPadding = 0.05;
/// See BatchLimits.
inline constexpr double kDefaultMaxWait = 0.05;

}  // namespace bert_runtime
