"""`python -m bert_serve` is `bert-serve`."""

import sys

from bert_serve.cli import main

sys.exit(main())
