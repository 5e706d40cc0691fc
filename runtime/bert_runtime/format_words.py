"""The words and names that a manifest may use, and how many entries its lists may have."""

from __future__ import annotations

import re

from bert_runtime.manifest import RIGHT_PADDED

MASKS = ("any", RIGHT_PADDED)
DTYPES = ("int64", "int32", "float32", "float16", "bool")
PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")
POOLINGS = ("mean", "cls", "pooler", "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens")
TRUNCATION_SIDES = ("right", "left")
PAIR_TYPE_IDS = ((0, 1), (0, 0))
ACTIVATIONS = ("none", "sigmoid", "softmax")
SPECIAL = ("cls", "mask", "pad", "sep", "unk")

FILE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
PLAIN_NAME = "a plain file name: ASCII letters, digits, dots, hyphens and underscores, at most 128, no folder"

MOST_ARTEFACTS = 64
MOST_FILES = 1024
