// What the labels of a token classifier say of where an entity begins and ends: BIO, BIOES, BILOU, BMES, BMEWO, IOE, IO.
#pragma once

#include <string>
#include <vector>

#include "bert_runtime/tasks/entities.h"

namespace bert_runtime {

/// What each label says. One that is no tag is a kind of its own, which neither begins nor ends an entity. That a label
/// is a tag follows from all labels together; BUNDLE.md has the rules, and the Python runtime's tag_scheme.py.
[[nodiscard]] std::vector<Tag> read_tags(const std::vector<std::string>& labels);

}  // namespace bert_runtime
