// Made by tools/make_format_tables.py from bert_runtime: change it there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bert_runtime {

inline constexpr std::size_t kMaxManifestBytes = 16777216;
/// Of a vocabulary of ten million tokens.
inline constexpr std::int64_t kMaxTokenizerBytes = 268435456;
/// Of a file that neither an artefact nor the tokenizer names.
inline constexpr std::int64_t kMaxOtherBytes = 67108864;
/// Of all files together.
inline constexpr std::int64_t kMaxBundleBytes = 17179869184;
inline constexpr std::size_t kMostArtefacts = 64;
inline constexpr std::size_t kMostFiles = 1024;
/// What a protocol buffer can be.
inline constexpr std::int64_t kMaxGraphBytes = 2147483647;
/// Problems of a tokenizer.json that are told.
inline constexpr std::size_t kMostShown = 5;
inline constexpr std::size_t kMostTemplateTokens = 65536;
inline constexpr std::size_t kMostAddedTokens = 65536;
/// Of a normalizer, a pre-tokenizer or a post-processor.
inline constexpr std::size_t kMostParts = 16;
/// Characters of a word that WordPiece cuts.
inline constexpr std::uint64_t kLongestWord = 1000;
/// Bytes of a piece of Unigram.
inline constexpr std::size_t kLongestPiece = 512;
/// Bytes of an added token.
inline constexpr std::size_t kLongestAddedToken = 256;
/// Bytes that a normalizer puts somewhere.
inline constexpr std::size_t kLongestReplacement = 64;
/// How many times longer a normalizer makes a text.
inline constexpr std::uint64_t kMostGrowth = 1024;
/// Of a piece of Unigram, above and below 0.
inline constexpr double kLargestScore = 1000000000;
/// Levels of a bundle's JSON files.
inline constexpr int kMaxDepth = 64;
/// Digits of a number in them.
inline constexpr std::size_t kMaxDigits = 20;
/// Graphs within graphs.
inline constexpr int kMaxNesting = 16;
/// Of one graph.
inline constexpr std::size_t kMostNodes = 8192;
/// Of one graph.
inline constexpr std::size_t kMostInitializers = 16384;
/// The tag of a protocol buffer's field.
inline constexpr std::uint64_t kMaxTag = 4294967295;
/// Fields of a protocol buffer.
inline constexpr std::int64_t kMaxFields = 1048576;
/// Bytes of a string in a protocol buffer.
inline constexpr std::size_t kMaxString = 65536;
/// Levels of a request in JSON.
inline constexpr int kDeepest = 64;
/// Bytes of a line of requests.
inline constexpr std::size_t kLongestLine = 16777216;
/// An unclosed quote would read the whole file into memory.
inline constexpr std::size_t kLongestCell = 16777216;
/// Skipped lines that standard error names; the output names all.
inline constexpr std::int64_t kReported = 20;

}  // namespace bert_runtime
