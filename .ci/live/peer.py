"""`websockets` as a live peer of the WebSocket codec: `serve`, or `ask ADDRESS`."""

import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve


def echo(socket):
    try:
        for message in socket:
            socket.send(message)
    except ConnectionClosed:
        pass


def ask(address):
    with connect(f"ws://{address}/x?y=z", subprotocols=["chat"], max_size=None) as socket:
        assert socket.subprotocol == "chat", socket.subprotocol
        for length in (0, 1, 125, 126, 65535, 65536, 1 << 20):
            for message in ("x" * length, b"x" * length):
                socket.send(message)
                assert socket.recv() == message, length
        # In fragments, with a ping in between.
        socket.send(["κό", "", "σμε"])
        assert socket.recv() == "κόσμε"
        assert socket.ping(b"there?").wait(10)
        socket.close(4001, "enough")
        assert (socket.close_code, socket.protocol.close_rcvd.code) == (4001, 4001)
    with connect(f"ws://{address}/", max_size=None) as socket:
        # Text that is none: the codec closes with 1007.
        socket.send(b"\xff", text=True)
        try:
            socket.recv()
            raise AssertionError("it was taken")
        except ConnectionClosed as closed:
            assert closed.rcvd.code == 1007, closed
    print("python's websockets: all echoed")


if sys.argv[1] == "serve":
    with serve(echo, "127.0.0.1", 0, max_size=None) as server:
        print("%s:%s" % server.socket.getsockname(), flush=True)
        server.serve_forever()
else:
    ask(sys.argv[2])
