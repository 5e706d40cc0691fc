"""The socket that clients connect to."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys

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


_ATTACH_FILTER, _DETACH_FILTER = 26, 27
_DROP = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A program of the Berkeley packet filter: return 0, the bytes of a packet that are let through."""


def refuse_new(listening: socket.socket) -> bool:
    """Let the system accept no more connections, in any process that shares the socket; those that it has accepted can
    still be taken. A client that connects now tries again, and finds the socket closed. Without this, one that connects
    between the last look and the close would be accepted and then reset.

    False where the system knows no such filter, or lets only a privileged user set one: the time for such a connection
    is short, and a close must not fail for it.
    """
    if sys.platform != "linux":
        return False
    program = ctypes.create_string_buffer(_DROP, len(_DROP))
    try:
        listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))
    except OSError:
        return False
    return True


def accept_again(listening: socket.socket) -> None:
    """Undo `refuse_new`: a process of several has ended by itself."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # nothing was refused
            listening.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
