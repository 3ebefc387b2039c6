"""Ask the kernel server for a kernel, and live as long as it does: `kernel_client.py ADDRESS CONNECTION_FILE`."""

import json
import os
import signal
import socket
import sys

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Jupyter interrupts a kernel before it ends it
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    asked = {"connection": sys.argv[2], "folder": os.getcwd(), "environment": dict(os.environ)}
    server.sendall(json.dumps(asked).encode() + b"\n")
    server.recv(1)  # returns when the kernel has ended
