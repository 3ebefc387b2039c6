"""An address of this machine to listen on, and the browser that opens it."""

import os
import socket
import threading
import webbrowser

from .errors import CausalgenError

__all__ = ["AddressError", "listen", "open_browser"]

LOOPBACK = "127.0.0.1"


class AddressError(CausalgenError, OSError):
    """An address that cannot be used."""


def listen(port: int = 0, host: str = LOOPBACK) -> socket.socket:
    """Open a socket that listens on a port of a host; 0 for a free port.

    Raises:
        AddressError: The port is in use or reserved, or the host is not an address of this machine.
    """
    # The protocol is named because only then does asyncio send small answers at once; otherwise each waits 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # on other systems the option would share a port that is in use
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # a reader of the printed address may connect at once
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise AddressError(
            f"Expected a free port of {host}; port {port} cannot be used: {reason}. Choose another with --port, or 0 for "
            "a free one."
        ) from None
    return listening


def open_browser(url: str) -> None:
    """Open the user's browser, without waiting for it."""
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
