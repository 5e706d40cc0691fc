#include "bert_runtime/features.h"

#include <utility>

namespace bert_runtime {

Features Features::from_row(const Row& row, std::optional<std::vector<std::int64_t>> positions) {
  return {row.ids, row.type_ids, std::vector<std::int64_t>(row.ids.size(), 1), std::move(positions)};
}

}  // namespace bert_runtime
