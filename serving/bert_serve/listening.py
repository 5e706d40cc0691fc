"""The socket that clients connect to."""

from __future__ import annotations

import socket

from bert_serve.options import ServeOptions


def bind(options: ServeOptions) -> socket.socket:
    """Listen at the address that the options name; raises OSError with the address in it."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        listening = socket.create_server((options.host, options.port), family=family, backlog=2048)
    except OSError as error:
        error.filename = f"{options.host}:{options.port}"
        raise
    listening.setblocking(False)
    return listening
