// Memory for float32 values that are written before they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace bert_runtime {

/// The product of sizes that are not negative. Throws std::bad_alloc: more than 64 bits, hence an address, can count.
[[nodiscard]] inline std::int64_t product(std::span<const std::int64_t> sizes) {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) {
    if (__builtin_mul_overflow(count, size, &count)) throw std::bad_alloc();
  }
  return count;
}

/// Room for as many values; pages that are never written cost nothing. Throws std::bad_alloc: no memory for it.
[[nodiscard]] inline std::unique_ptr<float[]> room_for(std::int64_t values) {
  return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(values));
}

}  // namespace bert_runtime
