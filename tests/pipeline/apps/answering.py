"""A server in a process of its own, to be killed: `python answering.py PORT` gives everybody the same form."""

from __future__ import annotations

import sys
import threading
import time

from scripted_server import Body, Reply, ScriptedServer, says


def answer(body: Body) -> Reply:
    time.sleep(0.02)  # long enough to be killed meanwhile
    return says('{"item": "lamp", "note": ""}')


if __name__ == "__main__":
    with ScriptedServer(answer, port=int(sys.argv[1])):
        print("ready", flush=True)
        threading.Event().wait()
