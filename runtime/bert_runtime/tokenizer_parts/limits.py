"""How large the parts of a tokenizer.json may be; the C++ runtime has the same numbers."""

MOST_SHOWN = 5
MOST_TEMPLATE_TOKENS = 2**16
MOST_ADDED_TOKENS = 2**16
MOST_PARTS = 16
LONGEST_WORD = 1000
"""Characters of a word that WordPiece cuts: the time that it takes grows with the square of them."""
LONGEST_PIECE = 512
"""Bytes of a piece of Unigram: as many steps may be taken from each character of a text."""
LONGEST_ADDED_TOKEN = 256
"""Bytes of an added token, before and after it is normalised: the same."""
LONGEST_REPLACEMENT = 64
"""Bytes of what a normalizer puts in place of something; NFKC's longest has 33."""
MOST_GROWTH = 1024
"""How many times longer all parts of a normalizer together may make a text."""
LARGEST_SCORE = 10**9
MAX_ID = 2**32 - 1
