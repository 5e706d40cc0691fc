#include "onnx_file.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "bert_runtime/errors.h"
#include "files.h"
#include "format_limits.h"
#include "in_json.h"
#include "onnx_messages.h"
#include "protobuf.h"

namespace bert_runtime {
namespace {

/// What stands at byte 4 of a model in ONNX Runtime's own format, which it can tell from these bytes alone.
constexpr std::string_view kOrtFormat = "ORTM";
constexpr std::size_t kOrtFormatAt = 4;
/// An engine may know more, such as ONNX Runtime's prepacked weights at places of their own: no writer here has them.
const std::set<std::string> kExternalKeys = {"location", "offset", "length"};

/// TensorProto.DataType: float, float16, double, bfloat16.
bool is_float(std::int64_t type) { return type == 1 || type == 10 || type == 11 || type == 16; }

/// The fields of AttributeProto that hold a value, or refer to one.
const std::set<std::uint64_t> kValueFields = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 21, 22, 23};

/// The kind of an attribute of the type `stated` that has these fields.
std::int64_t kind_of(std::int64_t stated, const std::set<std::uint64_t>& fields) {
  static const std::map<std::int64_t, std::uint64_t> kHolds = {{1, 2}, {2, 3}, {3, 4}, {4, 5}, {7, 8}};
  const auto holds = kHolds.find(stated);
  if (holds == kHolds.end()) return 0;
  const auto is_other = [&](std::uint64_t field) { return kValueFields.contains(field) && field != holds->second; };
  return std::ranges::any_of(fields, is_other) ? 0 : stated;
}

using StringEntry = std::pair<std::string, std::string>;

/// numpy's name of a TensorProto.DataType.
std::string dtype_name(std::int64_t type) {
  static const std::map<std::int64_t, std::string> kNames = {{1, "float32"},  {2, "uint8"},    {3, "int8"},
                                                             {6, "int32"},    {7, "int64"},    {9, "bool"},
                                                             {10, "float16"}, {11, "float64"}, {16, "bfloat16"}};
  const auto found = kNames.find(type);
  return found == kNames.end() ? "ONNX type " + std::to_string(type) : found->second;
}

/// A number of at most 19 digits, or nothing.
std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const bool is_plain = !text.empty() && text.size() <= 19 && text.front() != '-';
  const auto read = std::from_chars(text.data(), end, value);
  return is_plain && read.ec == std::errc{} && read.ptr == end ? std::optional(value) : std::nullopt;
}

std::uint64_t offset_or_length(const std::string& tensor, const std::string& key, const std::string& text) {
  if (const auto value = number(text)) return *value;
  throw BundleError("gives " + cut(in_json(text), 40) + " as " + key + " of the external data of tensor " +
                    cut(in_json(tensor), 80) + ", expected a number");
}

ExternalData external_data(const std::string& tensor, const std::vector<StringEntry>& entries) {
  std::map<std::string, std::string> values;
  for (const auto& [key, value] : entries) values[key] = value;
  if (values.size() < entries.size()) {
    throw BundleError("gives the external data of tensor " + cut(in_json(tensor), 80) + " twice");
  }
  for (const auto& [key, value] : values) {
    if (kExternalKeys.contains(key)) continue;
    throw BundleError("gives " + cut(in_json(key), 40) + " for the external data of tensor " +
                      cut(in_json(tensor), 80) + ", expected only location, offset, length");
  }
  ExternalData found = {.tensor = tensor, .location = values["location"], .offset = 0, .length = std::nullopt};
  if (values.contains("offset")) found.offset = offset_or_length(tensor, "offset", values["offset"]);
  if (values.contains("length")) found.length = offset_or_length(tensor, "length", values["length"]);
  return found;
}

const std::set<std::string> kFloatNames = {dtype_name(1), dtype_name(10), dtype_name(11), dtype_name(16)};

/// Walks every message of the file; collects as it goes.
class ModelReader {
 public:
  explicit ModelReader(std::span<const unsigned char> bytes) : wire_(bytes) {}

  OnnxFile model() {
    int graphs = 0;
    wire_.fields(wire_.whole(), kModelProto, [&](const WireField& field) {
      if (field.number == 7) {
        ++graphs;
        graph(field.bytes, 0);
      } else if (field.number == 8) {
        operator_set(field.bytes);
      } else if (field.number == 25) {
        file_.extras.insert("functions");
        function(field.bytes);
      } else {
        other(field, kModelProto);
      }
    });
    if (graphs == 0) throw BundleError("holds no graph");
    if (const auto found = opsets_.find(""); found != opsets_.end()) file_.opset = found->second;
    return std::move(file_);
  }

 private:
  void graph(Bytes message, int depth) {
    if (depth > kMaxNesting) throw BundleError("nests graphs more than " + std::to_string(kMaxNesting) + " deep");
    wire_.fields(message, kGraphProto, [&](const WireField& field) {
      if (field.number == 1) {
        Node found = node(field.bytes, depth);
        if (depth == 0) file_.nodes.push_back(std::move(found));
      } else if (field.number == 5) {
        auto [name, type] = tensor(field.bytes);
        if (depth == 0 && is_float(type)) file_.floats.insert(name);
        if (depth == 0) file_.initializers.insert(std::move(name));
      } else if (field.number == 15) {
        sparse_tensor(field.bytes);
      } else if ((field.number == 11 || field.number == 12) && depth == 0) {
        GraphTensor found = graph_tensor(field.bytes);
        if (field.number == 11 && kFloatNames.contains(found.dtype)) file_.floats.insert(found.name);
        (field.number == 11 ? file_.inputs : file_.outputs).push_back(std::move(found));
      } else {
        other(field, kGraphProto);
      }
    });
  }

  void function(Bytes message) {
    wire_.fields(message, kFunctionProto, [&](const WireField& field) {
      if (field.number == 7) {
        node(field.bytes, 0);
      } else if (field.number == 11) {
        attribute(field.bytes, 0);
      } else {
        other(field, kFunctionProto);
      }
    });
  }

  Node node(Bytes message, int depth) {
    Node found;
    wire_.fields(message, kNodeProto, [&](const WireField& field) {
      if (field.number == 1) {
        found.inputs.push_back(wire_.text(field));
      } else if (field.number == 2) {
        found.outputs.push_back(wire_.text(field));
      } else if (field.number == 4) {
        found.op_type = wire_.text(field);
        file_.operators.insert(found.op_type);
      } else if (field.number == 5) {
        found.attributes.push_back(attribute(field.bytes, depth));
      } else if (field.number == 7) {
        found.domain = wire_.text(field);
      } else {
        other(field, kNodeProto);
      }
    });
    if (found.domain == "ai.onnx") found.domain.clear();
    return found;
  }

  Attribute attribute(Bytes message, int depth) {
    Attribute found;
    std::set<std::uint64_t> fields;
    wire_.fields(message, kAttributeProto, [&](const WireField& field) {
      fields.insert(field.number);
      if (field.number == 1) {
        found.name = wire_.text(field);
      } else if (field.number == 3) {
        found.number = static_cast<std::int64_t>(field.value);
      } else if (field.number == 20) {
        found.kind = static_cast<std::int64_t>(field.value);
      } else if (field.number == 6 || field.number == 11) {
        file_.extras.insert("subgraphs");
        graph(field.bytes, depth + 1);
      } else if (field.number == 5 || field.number == 10) {
        found.number = tensor(field.bytes).second;
      } else if (field.number == 22 || field.number == 23) {
        sparse_tensor(field.bytes);
      } else {
        other(field, kAttributeProto);
      }
    });
    found.kind = kind_of(found.kind, fields);
    return found;
  }

  void sparse_tensor(Bytes message) {
    file_.extras.insert("sparse tensors");
    wire_.fields(message, kSparseTensorProto, [&](const WireField& field) {
      if (field.number == 1 || field.number == 2) tensor(field.bytes);
    });
  }

  /// Notes a TensorProto's external data; returns its name and its data type.
  std::pair<std::string, std::int64_t> tensor(Bytes message) {
    std::string name;
    std::int64_t type = 0;
    bool is_external = false;
    std::vector<StringEntry> entries;
    wire_.fields(message, kTensorProto, [&](const WireField& field) {
      if (field.number == 2) {
        type = static_cast<std::int64_t>(field.value);
      } else if (field.number == 8) {
        name = wire_.text(field);
      } else if (field.number == 13) {
        entries.push_back(entry(field.bytes));
      } else if (field.number == 14) {
        is_external = is_external || field.value != 0;
      } else {
        other(field, kTensorProto);
      }
    });
    // Either one counts: readers differ in whether they trust the entries or data_location.
    if (is_external || !entries.empty()) file_.external.push_back(external_data(name, entries));
    return {std::move(name), type};
  }

  /// The key and the value of a StringStringEntryProto.
  StringEntry entry(Bytes message) {
    StringEntry found;
    wire_.fields(message, kStringStringEntryProto,
                 [&](const WireField& field) { (field.number == 1 ? found.first : found.second) = wire_.text(field); });
    return found;
  }

  /// Notes an OperatorSetIdProto; the default domain has two names.
  void operator_set(Bytes message) {
    std::string domain;
    std::int64_t version = 0;
    wire_.fields(message, kOperatorSetIdProto, [&](const WireField& field) {
      if (field.number == 1) {
        domain = wire_.text(field);
      } else {
        version = static_cast<std::int64_t>(field.value);
      }
    });
    if (domain == "ai.onnx") domain.clear();
    if (!opsets_.emplace(domain, version).second) {
      throw BundleError("gives the version of the operator set " + cut(in_json(domain), 80) + " twice");
    }
  }

  /// A ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 } } }.
  GraphTensor graph_tensor(Bytes message) {
    GraphTensor found;
    wire_.fields(message, kValueInfoProto, [&](const WireField& field) {
      if (field.number == 1) {
        found.name = wire_.text(field);
      } else if (field.number == 2) {
        wire_.fields(field.bytes, kTypeProto, [&](const WireField& inner) {
          if (inner.number == 1) tensor_type(inner.bytes, found);
        });
      } else {
        other(field, kValueInfoProto);
      }
    });
    return found;
  }

  void tensor_type(Bytes message, GraphTensor& found) {
    wire_.fields(message, kTypeProtoTensor, [&](const WireField& field) {
      if (field.number == 1) {
        found.dtype = dtype_name(static_cast<std::int64_t>(field.value));
      } else {
        found.shape.emplace();
        wire_.fields(field.bytes, kTensorShapeProto,
                     [&](const WireField& axis) { found.shape->push_back(dimension(axis.bytes)); });
      }
    });
  }

  /// TensorShapeProto.Dimension: dim_value 1 or dim_param 2, the last one counts.
  Dimension dimension(Bytes message) {
    Dimension found;
    wire_.fields(message, kTensorShapeProtoDimension, [&](const WireField& field) {
      if (field.number == 1) {
        found = static_cast<std::int64_t>(field.value);
      } else if (field.number == 2) {
        found = wire_.text(field);
      }
    });
    return found;
  }

  /// Walks a message that says nothing of interest: it must be well-formed, for the engine reads it too.
  void other(const WireField& field, const Message& holder) {
    const int index = holder.field(field.number).message;
    if (index < 0) return;
    const Message& message = *kMessages[index];
    wire_.fields(field.bytes, message, [&](const WireField& inner) { other(inner, message); });
  }

  Wire wire_;
  OnnxFile file_;
  std::map<std::string, std::int64_t> opsets_;
};

}  // namespace

OnnxFile read_onnx(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  try {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    if (bytes.empty()) throw BundleError("is empty");
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.substr(std::min(kOrtFormatAt, text.size())).starts_with(kOrtFormat)) {
      throw BundleError("is a model in ONNX Runtime's own format");
    }
    return ModelReader(bytes).model();
  } catch (const BundleError& error) {
    throw BundleError(
        Problem("bad-graph", name, name + ": " + error.what() + "; expected an ONNX model: export the bundle again"));
  } catch (const FileError& error) {
    throw BundleError(Problem("unreadable", name,
                              name + ": " + error.reason + "; make the file readable, or export the bundle again"));
  }
}

}  // namespace bert_runtime
