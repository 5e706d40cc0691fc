"""`bert-run`: argparse around a session. Each flag is one field of Options, Budget, Files or the task's request."""

from bert_runtime.cli.run import main

__all__ = ["main"]
