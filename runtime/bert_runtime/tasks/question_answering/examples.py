"""Requests that exercise the head: short and long, several windows, several scripts. The parity gate asks them."""

from __future__ import annotations

from collections.abc import Mapping

_TRANSFORMERS = (
    "🤗 Transformers (formerly known as pytorch-transformers and pytorch-pretrained-bert) provides general-purpose "
    "architectures (BERT, GPT-2, RoBERTa, XLM, DistilBert, XLNet…) for Natural Language Understanding (NLU) and "
    "Natural Language Generation (NLG) with over 32+ pretrained models in 100+ languages and deep "
    "interoperability between TensorFlow 2.0 and PyTorch."
)
_STATIONS = " ".join(
    f"Station {number} lies {7 * number} kilometres from the coast and was opened in {1900 + number}."
    for number in range(1, 41)
)

EXAMPLES: tuple[Mapping[str, object], ...] = (
    {"question": "How many pretrained models are available in 🤗 Transformers?", "context": _TRANSFORMERS},
    {"question": "Who?", "context": "Ada."},
    {"question": "When was station 31 opened?", "context": _STATIONS},
    {
        "question": "Where did the expedition spend the winter?",
        "context": "The ship left in May. Ice closed around her in September, far from any port. The expedition "
        "spent the winter on a small island, and came home a year later.",
        "top_k": 3,
    },
    {"question": "¿Dónde nació José Núñez?", "context": "José Núñez nació en Logroño; su hermana, en Cádiz."},
    {"question": "東京の人口は？", "context": "東京は日本の首都で、人口は約1400万人です。大阪は二番目に大きい。"},
    {"question": "What is on the menu? 🍕", "context": "Today we serve 🍕, 🍜 and crème brûlée 🍮 for €12.50!"},
    {
        "question": "What colour is the roof of the school?",
        "context": "The town hall has a green roof. Nobody remembers who painted the bridge.",
        "handle_no_answer": True,
    },
)
