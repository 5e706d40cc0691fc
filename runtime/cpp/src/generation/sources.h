// What a decoder reads besides its prompt: an encoder's states, or a text for the encoder that was loaded with it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "bert_runtime/backends/engine.h"
#include "bert_runtime/encoder.h"
#include "bert_runtime/manifest.h"
#include "bert_runtime/tasks/text_generation.h"
#include "generation/cross_cache.h"

namespace bert_runtime {

/// The graph that makes keys and values of states, and the encoder, if there is one, that makes states of texts.
/// Immutable: safe in threads.
class Sources {
 public:
  /// Throws BundleError: the encoder is not of the decoder's width.
  Sources(Graph graph, std::shared_ptr<const Engine> engine, std::map<std::string, std::int64_t> sizes,
          std::optional<Encoder> encoder);

  /// What a request names as its source, ready to be read.
  /// Throws InputError: nothing, a text without an encoder or too long for it, or states of another width.
  [[nodiscard]] PromptSource checked(const std::optional<std::variant<std::string, EncoderStates>>& source) const;

  /// The keys and values of the prompts' sources; each has one. Throws BackendError: the engine failed.
  [[nodiscard]] std::unique_ptr<CrossCache> read(std::span<const Prompt* const> prompts) const;

  /// The raw level. Throws InputError: what the graph does not take; BackendError: the engine failed.
  [[nodiscard]] std::map<std::string, FloatArray> run(std::span<const Input> arrays, std::int64_t max_length) const;

 private:
  [[nodiscard]] PromptSource checked_states(const EncoderStates& states) const;

  Graph graph_;
  std::shared_ptr<const Engine> engine_;
  std::map<std::string, std::int64_t> sizes_;
  std::optional<Encoder> encoder_;
};

}  // namespace bert_runtime
