"""What an export does with each key of the tokenizer's files."""

from __future__ import annotations

from bert_export.checkpoint.keys import KnownFile, carried, ignored, refused

_TOKEN = "the special token's text: its id in the bundle's record or template"
_SAVED = "where the tokenizer was saved from; the folder's own files are read"
_CALL = "a setting of one call, which transformers does not take from this file"
_OTHER_KIND = "only a tokenizer of another kind than WordPiece reads it; give the checkpoint with BERT's own tokenizer"
_PYTHON = (
    "only the Python tokenizers before transformers 5 knew it, and the bundle would give other ids; save a tokenizer "
    "without it, or remove the key if the model was trained without it"
)
_NOT_JSON = "it replaces what the folder's own files say; remove it and give tokenizer.json or vocab.txt"
_ARGUMENTS = "sentence-transformers would pass these arguments on; save the model without them, or remove the key"

TOKENIZER_CONFIG = KnownFile(
    "tokenizer_config.json",
    "The tokenizer's class and settings. What transformers' AutoTokenizer makes of it goes into the bundle.",
    (
        carried("tokenizer_class", "decides how the other files are read; a class that is not a WordPiece is refused"),
        carried("do_lower_case", "tokenizer.json, normalizer; true where it is missing and the class is BertTokenizer"),
        carried("strip_accents", "tokenizer.json, normalizer"),
        carried("tokenize_chinese_chars", "tokenizer.json, normalizer"),
        carried("unk_token", "tokenizer.json, model"),
        carried("cls_token", _TOKEN),
        carried("sep_token", _TOKEN),
        carried("pad_token", _TOKEN),
        carried("mask_token", _TOKEN),
        carried("bos_token", "an added token of tokenizer.json, where the vocabulary lacks it"),
        carried("eos_token", "an added token of tokenizer.json, where the vocabulary lacks it"),
        carried("added_tokens_decoder", "tokenizer.json, added_tokens; special_tokens_map.json is then not read"),
        carried("additional_special_tokens", "tokenizer.json, added_tokens"),
        carried("extra_special_tokens", "tokenizer.json, added_tokens"),
        carried("model_specific_special_tokens", "tokenizer.json, added_tokens"),
        carried("model_max_length", "the record's max_length, where the model has more positions"),
        carried("max_len", "the older name of model_max_length"),
        carried("truncation_side", "the record's truncation_side: which end of a long text is cut"),
        carried("model_input_names", "the record's pair_type_ids: (0, 0) where token_type_ids is not among the names"),
        refused(
            "auto_map",
            "the tokenizer is code of the checkpoint's author, which is never run; save a tokenizer.json and remove "
            "auto_map, if BERT's WordPiece gives the same ids",
        ),
        refused(
            "split_special_tokens",
            "special tokens written in a text would be split into pieces, which no tokenizer.json can say; remove the "
            "key if texts hold none",
            False,
        ),
        refused("do_basic_tokenize", _PYTHON, True),
        refused("never_split", _PYTHON, []),
        refused("do_word_tokenize", _PYTHON, True),
        refused("do_subword_tokenize", _PYTHON, True),
        refused("word_tokenizer_type", "texts are split by another library, which no bundle holds", "basic"),
        refused("subword_tokenizer_type", "words are split by another rule than WordPiece's", "wordpiece"),
        refused("*_kwargs", _OTHER_KIND, {}),
        refused("clean_text", "transformers' BertTokenizer always cleans texts of control characters", True),
        refused("wordpieces_prefix", "transformers' BertTokenizer knows only this prefix of pieces", "##"),
        refused("add_bos_token", _OTHER_KIND, False),
        refused("add_eos_token", _OTHER_KIND, False),
        refused("fast_tokenizer_files", "files for certain versions of transformers are not read", ["tokenizer.json"]),
        *(
            refused(name, _NOT_JSON, [], {})
            for name in ("init_inputs", "vocab", "merges", "merges_file", "spm_file", "gguf_file", "tokenizer_object")
        ),
        *(
            refused(name, _NOT_JSON, {})
            for name in ("post_processor", "tokenizer_padding", "tokenizer_truncation", "_json_padding")
        ),
        refused("_json_truncation", _NOT_JSON, {}),
        ignored("padding_side", "the mask tells padding from tokens; only a decoder's prompts are padded on the left"),
        ignored("pad_token_type_id", "the mask hides padding, whatever its type"),
        ignored("clean_up_tokenization_spaces", "only text made of ids; answers are cut out of the original text"),
        *(
            ignored(name, _SAVED)
            for name in ("name_or_path", "tokenizer_file", "vocab_file", "special_tokens_map_file", "tokenizer_name")
        ),
        *(ignored(name, _SAVED) for name in ("is_local", "local_files_only", "files_loaded", "_commit_hash")),
        *(
            ignored(name, _CALL)
            for name in ("max_length", "stride", "truncation_strategy", "truncation", "padding", "pad_to_multiple_of")
        ),
        ignored("processor_class", "names the class for images or sound beside the tokenizer"),
        ignored("backend", "transformers' name of the library that tokenizes"),
        ignored("transformers_version", "which version saved the file"),
        ignored("add_prefix_space", "a WordPiece has no pieces that start with a space"),
        ignored("use_fast", "transformers 5 has one implementation"),
        ignored("from_slow", "transformers 5 has one implementation"),
        ignored("verbose", "log lines"),
        ignored("chat_*", "chats are not tokenized"),
        ignored("response_*", "chats are not tokenized"),
        carried("*_token", "an added token of tokenizer.json, where the vocabulary lacks it"),
    ),
)

SPECIAL_TOKENS_MAP = KnownFile(
    "special_tokens_map.json",
    "The special tokens, as versions before transformers 5 wrote them. AutoTokenizer reads it only where "
    "tokenizer_config.json has no added_tokens_decoder; a token that it then leaves out is named in a note.",
    (
        carried("*_token", _TOKEN),
        carried("additional_special_tokens", "tokenizer.json, added_tokens"),
        carried("extra_special_tokens", "tokenizer.json, added_tokens"),
    ),
)

ADDED_TOKENS = KnownFile(
    "added_tokens.json",
    "Tokens beyond the vocabulary and their ids. AutoTokenizer reads it only where tokenizer_config.json has no "
    "added_tokens_decoder; a token that it then leaves out is named in a note.",
    (carried("*", "tokenizer.json, added_tokens"),),
)

TOKENIZER_JSON = KnownFile(
    "tokenizer.json",
    "The tokenizer of the tokenizers library. The classes PreTrainedTokenizerFast and TokenizersBackend take it as it "
    "is; BertTokenizer takes its vocabulary and its added tokens, and the rest from tokenizer_config.json.",
    (
        carried("model", "a WordPiece; every other model is refused"),
        carried("normalizer", "BERT's; every other is refused, and so is one that the tokenizer's class would drop"),
        carried("pre_tokenizer", "BERT's; every other is refused"),
        carried("post_processor", "the special tokens around one text and two"),
        carried("added_tokens", "with their flags"),
        carried("decoder", "for generated text"),
        carried("truncation", "its direction, where tokenizer_config.json has no truncation_side; its length is not"),
        ignored("padding", "batches are padded as the target needs"),
        ignored("version", "the file's format"),
    ),
)

VOCABULARY = KnownFile(
    "vocab.txt",
    "One word piece a line, in UTF-8. It is read where there is no tokenizer.json; one that differs from it "
    "is named in a note.",
    (),
)

SENTENCE_BERT_CONFIG = KnownFile(
    "sentence_bert_config.json",
    "How sentence-transformers calls the tokenizer; read for vectors where modules.json has a Pooling, and for other "
    "tasks where it has none (a cross-encoder).",
    (
        carried("max_seq_length", "the record's max_length, where the model has more positions"),
        carried("do_lower_case", "tokenizer.json, normalizer: lower case before all else, accents kept as they were"),
        refused("tokenizer_name_or_path", "the tokenizer is another folder's; copy its files here and remove the key"),
        *(
            refused(name, _ARGUMENTS, {}, {"trust_remote_code": True}, {"trust_remote_code": False})
            for name in (
                "model_args",
                "model_kwargs",
                "tokenizer_args",
                "processor_kwargs",
                "config_args",
                "config_kwargs",
            )
        ),
        refused("processing_kwargs", _ARGUMENTS, {}),
        refused("query_length", "queries would be cut at a length of their own; export with --max-length"),
        refused("document_length", "documents would be cut at a length of their own; export with --max-length"),
        refused("query_expansion", "queries would be filled up with [MASK], as ColBERT does", False),
        ignored("transformer_task", "the task is the one that is exported"),
        ignored("modality_config", "which output of the model is read follows from the task"),
        ignored("module_output_name", "which output of the model is read follows from the task"),
        ignored("unpad_inputs", "how the rows of a batch lie in memory"),
        ignored("backend", "the library that runs the model"),
        ignored("cache_dir", "a folder of another machine"),
    ),
)

TOKENIZER_FILES = (
    TOKENIZER_CONFIG,
    SPECIAL_TOKENS_MAP,
    ADDED_TOKENS,
    TOKENIZER_JSON,
    VOCABULARY,
    SENTENCE_BERT_CONFIG,
)
