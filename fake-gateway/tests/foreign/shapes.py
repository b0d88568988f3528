#!/usr/bin/env python3
"""Logs in with each shape of presence and compress that published clients send, and closes as RFC 6455 says.

Nothing but the standard library, and the WebSocket of client.py. Fails when a shape is refused, or when a close frame is
not echoed before the stream ends.

usage: shapes.py URL        where URL is ws://127.0.0.1:PORT
"""

import json
import struct
import sys
import time

from client import Closed, WebSocket

SHAPES = [
    {"presence": {"since": None, "activities": [], "status": "online", "afk": False}},
    {"presence": {"since": None, "afk": False, "game": None, "status": "online"}},
    {"presence": {"since": None, "activities": None, "status": "online", "afk": False}},
    {"presence": {"activities": [{"name": "the market", "type": 3}], "status": "online", "afk": False}},
    {"presence": {"status": "idle"}},
    {"compress": "zlib-stream"},
]


def frame_with(socket, key, value):
    """Reads until a gateway frame has this value."""
    deadline = time.monotonic() + 20
    while True:
        message = socket.receive(deadline)
        assert message is not None, f"no {key} {value}"
        frame = json.loads(message)
        if frame[key] == value:
            return frame


def send(socket, op, data):
    socket.write(1, json.dumps({"op": op, "d": data}).encode())


def close(socket, code):
    """Sends a close frame, and reads its echo and the end of the stream."""
    socket.write(8, struct.pack(">H", code))
    deadline = time.monotonic() + 20
    while (frame := socket.frame()) is None or frame[1] != 8:
        if frame is None:
            assert socket.fill(deadline), "the close frame is not echoed"
    assert frame[2] == struct.pack(">H", code), frame
    try:
        while True:
            assert socket.fill(deadline), "the stream does not end"
    except Closed:
        socket.socket.close()


def main():
    for shape in SHAPES:
        socket = WebSocket(sys.argv[1] + "/?v=10&encoding=json")
        frame_with(socket, "op", 10)
        send(socket, 2, {"token": "T", "intents": 0, "properties": {"os": "linux"}} | shape)
        frame_with(socket, "t", "READY")
        if "presence" in shape:
            send(socket, 3, shape["presence"])
        # Had op 3 been refused, there would be no answer to what comes behind it.
        send(socket, 1, 1)
        frame_with(socket, "op", 11)
        close(socket, 1000)


if __name__ == "__main__":
    main()
