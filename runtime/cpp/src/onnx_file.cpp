#include "onnx_file.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "bert_runtime/errors.h"
#include "files.h"
#include "protobuf.h"
#include "python_repr.h"

namespace bert_runtime {
namespace {

constexpr int kMaxNesting = 16;

using StringEntry = std::pair<std::string, std::string>;

/// numpy's name of a TensorProto.DataType.
std::string dtype_name(std::uint64_t type) {
  static const std::map<std::uint64_t, std::string> kNames = {
      {1, "float32"}, {2, "uint8"},    {3, "int8"},     {6, "int32"},    {7, "int64"},
      {9, "bool"},    {10, "float16"}, {11, "float64"}, {16, "bfloat16"}};
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
  throw BundleError("gives " + cut(repr(text), 40) + " as " + key + " of the external data of tensor " +
                    cut(repr(tensor), 80) + ", expected a number");
}

ExternalData external_data(const std::string& tensor, const std::vector<StringEntry>& entries) {
  std::map<std::string, std::string> values;
  for (const auto& [key, value] : entries) values[key] = value;
  if (values.size() < entries.size()) {
    throw BundleError("gives the external data of tensor " + cut(repr(tensor), 80) + " twice");
  }
  ExternalData found = {.tensor = tensor, .location = values["location"], .offset = 0, .length = std::nullopt};
  if (values.contains("offset")) found.offset = offset_or_length(tensor, "offset", values["offset"]);
  if (values.contains("length")) found.length = offset_or_length(tensor, "length", values["length"]);
  return found;
}

/// Walks every message that can hold a tensor; collects as it goes.
class ModelReader {
 public:
  explicit ModelReader(std::span<const unsigned char> bytes) : wire_(bytes) {}

  OnnxFile model() {
    int graphs = 0;
    wire_.fields(wire_.whole(), FieldNumbers(7, 8, 25), [&](const WireField& field) {
      if (field.number == 7) {
        ++graphs;
        graph(field.message(), 0);
      } else if (field.number == 8) {
        operator_set(field.message());
      } else {
        function(field.message());
      }
    });
    if (graphs == 0) throw BundleError("holds no graph");
    return std::move(file_);
  }

 private:
  void graph(Bytes message, int depth) {
    if (depth > kMaxNesting) throw BundleError("nests graphs more than " + std::to_string(kMaxNesting) + " deep");
    wire_.fields(message, FieldNumbers(1, 5, 11, 12, 15), [&](const WireField& field) {
      if (field.number == 1) {
        node(field.message(), depth);
      } else if (field.number == 5) {
        std::string name = tensor(field.message());
        if (depth == 0) file_.initializers.insert(std::move(name));
      } else if (field.number == 15) {
        sparse_tensor(field.message());
      } else if (depth == 0) {
        (field.number == 11 ? file_.inputs : file_.outputs).push_back(graph_tensor(field.message()));
      }
    });
  }

  void function(Bytes message) {
    wire_.fields(message, FieldNumbers(7, 11), [&](const WireField& field) {
      field.number == 7 ? node(field.message(), 0) : attribute(field.message(), 0);
    });
  }

  void node(Bytes message, int depth) {
    wire_.fields(message, FieldNumbers(4, 5), [&](const WireField& field) {
      if (field.number == 4) {
        file_.operators.insert(wire_.text(field));
      } else {
        attribute(field.message(), depth);
      }
    });
  }

  void attribute(Bytes message, int depth) {
    wire_.fields(message, FieldNumbers(5, 6, 10, 11, 22, 23), [&](const WireField& field) {
      if (field.number == 6 || field.number == 11) {
        graph(field.message(), depth + 1);
      } else if (field.number == 5 || field.number == 10) {
        tensor(field.message());
      } else {
        sparse_tensor(field.message());
      }
    });
  }

  void sparse_tensor(Bytes message) {
    wire_.fields(message, FieldNumbers(1, 2), [&](const WireField& field) { tensor(field.message()); });
  }

  /// Notes a TensorProto's external data; returns its name.
  std::string tensor(Bytes message) {
    std::string name;
    bool is_external = false;
    std::vector<StringEntry> entries;
    wire_.fields(message, FieldNumbers(8, 13, 14), [&](const WireField& field) {
      if (field.number == 8) {
        name = wire_.text(field);
      } else if (field.number == 13) {
        entries.push_back(strings(field.message()));
      } else {
        is_external = is_external || (!field.is_bytes && field.value == 1);
      }
    });
    // Either one counts: readers differ in whether they trust the entries or data_location.
    if (is_external || !entries.empty()) file_.external.push_back(external_data(name, entries));
    return name;
  }

  /// A ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 } } }.
  GraphTensor graph_tensor(Bytes message) {
    GraphTensor found;
    wire_.fields(message, FieldNumbers(1), [&](const WireField& field) { found.name = wire_.text(field); });
    wire_.fields(message, FieldNumbers(2), [&](const WireField& type) {
      wire_.fields(type.message(), FieldNumbers(1),
                   [&](const WireField& inner) { tensor_type(inner.message(), found); });
    });
    return found;
  }

  void tensor_type(Bytes message, GraphTensor& found) {
    wire_.fields(message, FieldNumbers(1, 2), [&](const WireField& field) {
      if (field.number == 2) {
        found.shape.emplace();
        wire_.fields(field.message(), FieldNumbers(1),
                     [&](const WireField& axis) { found.shape->push_back(dimension(axis.message())); });
      } else if (!field.is_bytes) {
        found.dtype = dtype_name(field.value);
      }
    });
  }

  /// TensorShapeProto.Dimension: dim_value 1 or dim_param 2, the last one counts.
  Dimension dimension(Bytes message) {
    Dimension found;
    wire_.fields(message, FieldNumbers(1, 2), [&](const WireField& field) {
      if (field.number == 2) {
        found = wire_.text(field);
      } else if (!field.is_bytes) {
        found = field.value;
      }
    });
    return found;
  }

  void operator_set(Bytes message) {
    std::string domain;
    std::uint64_t version = 0;
    wire_.fields(message, FieldNumbers(1, 2), [&](const WireField& field) {
      if (field.number == 1) {
        domain = wire_.text(field);
      } else if (!field.is_bytes) {
        version = field.value;
      }
    });
    if (domain.empty() || domain == "ai.onnx") file_.opset = version;
  }

  /// A StringStringEntryProto; the last of each counts, as protocol buffers have it.
  StringEntry strings(Bytes message) {
    StringEntry found;
    wire_.fields(message, FieldNumbers(1, 2), [&](const WireField& field) {
      (field.number == 1 ? found.first : found.second) = wire_.text(field);
    });
    return found;
  }

  Wire wire_;
  OnnxFile file_;
};

}  // namespace

OnnxFile read_onnx(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  try {
    const MappedFile file(path);
    if (file.bytes().empty()) throw BundleError("is empty");
    return ModelReader(file.bytes()).model();
  } catch (const BundleError& error) {
    throw BundleError(name + ": " + error.what() + "; expected an ONNX model: export the bundle again");
  } catch (const FileError& error) {
    throw BundleError(name + ": " + error.reason + "; make the file readable, or export the bundle again");
  }
}

}  // namespace bert_runtime
