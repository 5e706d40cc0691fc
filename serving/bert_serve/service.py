"""What every request is answered with: the models, the options, the figures, and whether the server is stopping."""

from __future__ import annotations

from bert_serve.keys import Keys
from bert_serve.metrics import Metrics, ModelObserver
from bert_serve.models import Models
from bert_serve.options import ServeOptions


class Service:
    """One process's bundles, ready to answer.

    Attributes:
        is_draining: the server was told to stop: it answers what comes, and asks clients to go elsewhere.
    """

    def __init__(self, options: ServeOptions) -> None:
        """Load the bundles; raises BertError where one cannot be loaded."""
        self.options = options
        self.metrics = Metrics()
        self.keys = Keys(options.keys)
        self.models = Models(options, lambda name: ModelObserver(self.metrics, name))
        self.is_draining = False

    def close(self) -> None:
        """Answer what was admitted, and free the bundles."""
        self.models.close(self.options.limits.seconds)
