#include "graph_operators.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "format_limits.h"
#include "in_json.h"
#include "target.h"
#include "texts.h"

namespace bert_runtime {
namespace {

constexpr std::string_view kFusedDomain = "com.microsoft";
constexpr int kLikeAttribute = -1;

/// What nodes of one operator may be; see operators.py.
struct Operator {
  std::map<std::string, std::int64_t> attributes;
  int like = 0;
  bool folds = false;
  bool floats_only = false;
  bool on_gpu = false;
};

const std::map<std::pair<std::string, std::string>, Operator>& operators() {
  static const std::map<std::pair<std::string, std::string>, Operator> kOperators = {
#include "operators_table.inc"
  };
  return kOperators;
}

bool is_float_type(std::int64_t type) { return type == 1 || type == 10 || type == 11 || type == 16; }

/// What is known of each tensor while the nodes are gone through in order.
class KnownTensors {
 public:
  KnownTensors(const Target& target, const OnnxFile& found)
      : target_(target), constants_(found.initializers), floats_(found.floats), known_(found.initializers) {
    known_.insert("");
    for (const GraphTensor& input : found.inputs) known_.insert(input.name);
  }

  void check(const std::vector<Node>& nodes, Problems& problems) {
    for (const Node& node : nodes) {
      const std::string wrong = problem(node);
      if (!wrong.empty()) problems.push_back({"forbidden-operator", "graph", wrong});
      known_.insert(node.outputs.begin(), node.outputs.end());
    }
  }

 private:
  /// What is wrong with a node, whose outputs are noted; empty where nothing is.
  std::string problem(const Node& node) {
    const auto found = operators().find({node.domain, node.op_type});
    const std::string name = cut(in_json(node.domain.empty() ? node.op_type : node.domain + ":" + node.op_type), 80);
    if (found == operators().end() || !allows(node, found->second)) {
      return "holds the operator " + name + ", which no graph for " + target_.name + " has; export the bundle again";
    }
    const Operator& rule = found->second;
    for (const Attribute& attribute : node.attributes) {
      const auto kind = rule.attributes.find(attribute.name);
      if (kind != rule.attributes.end() && kind->second == attribute.kind) continue;
      return "gives " + name + " the attribute " + cut(in_json(attribute.name), 80) +
             ", expected only those that the exporter writes";
    }
    if (!all_of(node.inputs, known_)) {
      return "has " + name + " read a tensor that nothing before it makes; expected nodes in order";
    }
    const auto is_there = [&](const std::string& output) { return !output.empty() && known_.contains(output); };
    if (std::ranges::any_of(node.outputs, is_there)) {
      return "has " + name + " make a tensor that is there already; expected each once";
    }
    if (rule.floats_only && (node.inputs.empty() || !floats_.contains(node.inputs.front()))) {
      return "has " + name + " divide integers, which a processor may trap on; expected floating-point numbers";
    }
    const auto is_constant = [&](const std::string& input) { return input.empty() || constants_.contains(input); };
    if (std::ranges::all_of(node.inputs, is_constant)) {
      if (!rule.folds) {
        return "has " + name + " compute a constant, which an engine does at load; expected its result in the file";
      }
      constants_.insert(node.outputs.begin(), node.outputs.end());
    }
    if (!node.outputs.empty() && is_float(node, rule)) floats_.insert(node.outputs.front());
    return {};
  }

  /// Whether graphs for the target have the operator.
  [[nodiscard]] bool allows(const Node& node, const Operator& rule) const {
    return (target_.has_fused_operators || node.domain != kFusedDomain) && (target_.is_on_gpu || !rule.on_gpu);
  }

  /// Whether its first output is floating-point: sure where an engine accepts the node at all.
  [[nodiscard]] bool is_float(const Node& node, const Operator& rule) const {
    if (rule.like == kLikeAttribute) {
      return std::ranges::any_of(node.attributes, [](const Attribute& each) {
        return (each.name == "to" || each.name == "value") && is_float_type(each.number);
      });
    }
    const auto like = static_cast<std::size_t>(rule.like);
    return rule.like >= 0 && like < node.inputs.size() && floats_.contains(node.inputs[like]);
  }

  static bool all_of(const std::vector<std::string>& names, const std::set<std::string>& among) {
    return std::ranges::all_of(names, [&](const std::string& name) { return among.contains(name); });
  }

  const Target& target_;
  std::set<std::string> constants_;
  std::set<std::string> floats_;
  std::set<std::string> known_;
};

}  // namespace

Problems operator_problems(const std::string& target, const OnnxFile& found) {
  Problems problems;
  for (const std::string& what : found.extras) {
    problems.push_back({"forbidden-operator", "graph", "holds " + what + ", expected the operators of one graph only"});
  }
  const auto too_many = [&](std::size_t count, std::size_t most, const std::string& what) {
    if (count <= most) return false;
    problems.push_back({"forbidden-operator", "graph",
                        "has " + std::to_string(count) + " " + what + ", expected at most " + std::to_string(most)});
    return true;
  };
  if (too_many(found.nodes.size(), kMostNodes, "nodes")) return problems;
  if (too_many(found.initializers.size(), kMostInitializers, "initializers")) return problems;
  KnownTensors(*find_target(target), found).check(found.nodes, problems);
  return problems;
}

}  // namespace bert_runtime
