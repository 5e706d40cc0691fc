"""`python -m bert_runtime.cli` is `bert-run`."""

import sys

from bert_runtime.cli import main

sys.exit(main())
