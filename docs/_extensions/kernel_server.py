"""Kernels that are there at once: a process imports the libraries and forks itself for each page that runs.

Loading PyTorch, Pyro and DoWhy takes longer than the code of most pages. A forked kernel has them loaded, and shares nothing
else with the kernels of other pages: each has its own variables and random states. Only Linux forks such processes safely.

Jupyter starts `kernel_client.py`, which asks this server for a kernel and lives as long as that kernel does.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from select import select
from typing import Any, Self

__all__ = ["KernelServer"]

NAME = "forked"
LOADED = (
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "pandas",
    "pyarrow",
    "sklearn.ensemble",
    "skimage.morphology",
    "statsmodels.api",
    "torch.utils.flop_counter",
    "causalgen.audit",
    "causalgen.datasets.table",
    "causalgen.discovery",
    "causalgen.effects.diagnostics",
    "causalgen.mediation",
    "causalgen.metrics",
    "causalgen.models",
    "causalgen.reports",
    "causalgen.scm",
    "causalgen.studies",
    "causalgen.training",
)


class KernelServer:
    """The server as the build of the site sees it: it runs within this context, or until the build ends.

    Args:
        folder: Where Jupyter finds the kernel `forked`.
        loaded: Modules that every kernel has.
    """

    def __init__(self, folder: Path, loaded: Sequence[str] = LOADED) -> None:
        self.folder, self.loaded = folder, loaded
        self.place = tempfile.TemporaryDirectory(prefix="kernels-")

    def __enter__(self) -> Self:
        """Start the server; a kernel that is asked for earlier waits until everything is loaded."""
        address = str(Path(self.place.name, "socket"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            command = [sys.executable, __file__, str(listener.fileno()), *self.loaded]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])
        argv = [sys.executable, "-I", "-S", str(Path(__file__).with_name("kernel_client.py")), address]
        spec = {"argv": [*argv, "{connection_file}"], "display_name": "Python 3", "language": "python"}
        file = self.folder / "kernels" / NAME / "kernel.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(spec), encoding="utf-8")
        paths = [str(self.folder), *os.environ.get("JUPYTER_PATH", "").split(os.pathsep)]
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, paths))
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.place.cleanup()


def serve(listener: socket.socket, loaded: Sequence[str]) -> None:
    """Fork a kernel for every connection, until standard input is closed."""
    with warnings.catch_warnings(action="ignore"):  # of an import in a notebook, which pages do not show either
        for name in ("ipykernel.kernelapp", *loaded):
            import_module(name)
    gc.freeze()  # else the collector writes to pages of memory that all kernels share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # kernels that ended leave no zombies
    while sys.stdin.buffer not in (ready := select([listener, sys.stdin.buffer], [], [])[0]):
        assert ready
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _become_kernel(connection)
        connection.close()


def _become_kernel(connection: socket.socket) -> None:
    """Run as the kernel that the client at the other end asks for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # those of the build; a page's own output goes to Jupyter
        os.dup2(nowhere, stream)
    with connection.makefile("r", encoding="utf-8") as lines:
        asked: dict[str, Any] = json.loads(lines.readline())
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance(["-f", asked["connection"]])
    os._exit(0)


def _end_with(connection: socket.socket) -> None:
    """End this kernel when its client ends, which Jupyter kills after a time limit."""
    connection.recv(1)
    os._exit(1)


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which pages do not see
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
