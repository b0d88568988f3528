#!/usr/bin/env python3
"""A gateway client written from the protocol page alone, with nothing but the standard library.

It knows none of this project's code: its WebSocket frames are written by hand. It goes through whatever the gateway
does to it, and ends when the gateway is gone. What it saw goes to standard output as one JSON object.

usage: client.py URL [zlib-stream | payload]        where URL is ws://127.0.0.1:PORT

`zlib-stream` is asked for in the query, `payload` by `compress` in Identify.
"""

import base64
import hashlib
import json
import os
import random
import select
import socket
import struct
import sys
import time
import urllib.parse
import urllib.request
import zlib

QUERY = {"v": "10", "encoding": "json"}
IDENTIFY = {}
FATAL = {4004, 4010, 4011, 4012, 4013, 4014}
NEW_SESSION = {1000, 4003, 4006, 4007, 4009}
PATIENCE = 2.0  # seconds for Hello, Ready and Resumed


class Closed(Exception):
    """The connection is over; `code` is that of the close frame, if there was one."""

    def __init__(self, code=None):
        super().__init__(code)
        self.code = code


class Gone(Exception):
    """Nobody listens there any more."""


class WebSocket:
    """RFC 6455, the client's side, as much as a gateway needs."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        try:
            self.socket = socket.create_connection((parts.hostname, parts.port), timeout=10)
        except ConnectionRefusedError as error:
            raise Gone from error
        self.buffer = b""
        self.fragments = None
        key = base64.b64encode(os.urandom(16)).decode()
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        self.socket.sendall(
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        deadline = time.monotonic() + 10
        while b"\r\n\r\n" not in self.buffer:
            self.fill(deadline)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            raise Closed(None)
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert base64.b64encode(digest) in head, "a wrong accept key"

    def fill(self, deadline):
        """Reads what there is; gives False when the deadline comes first."""
        ready, _, _ = select.select([self.socket], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = self.socket.recv(65536)
        except ConnectionError as error:
            raise Closed from error
        if not data:
            raise Closed
        self.buffer += data
        return True

    def frame(self):
        """Takes one whole frame from the buffer, or None."""
        if len(self.buffer) < 2:
            return None
        first, second = self.buffer[0], self.buffer[1]
        assert first & 0x70 == 0, "a reserved bit"
        assert second & 0x80 == 0, "a masked frame from a server"
        length, start = second & 0x7F, 2
        if length == 126:
            start = 4
        elif length == 127:
            start = 10
        if len(self.buffer) < start:
            return None
        if start > 2:
            length = struct.unpack(">H" if start == 4 else ">Q", self.buffer[2:start])[0]
        if len(self.buffer) < start + length:
            return None
        payload = self.buffer[start : start + length]
        self.buffer = self.buffer[start + length :]
        return first & 0x80 != 0, first & 0x0F, payload

    def receive(self, deadline):
        """Gives the next message, or None at the deadline."""
        while True:
            frame = self.frame()
            if frame is None:
                # What has come already is read first: a client that was held up judges nobody for it.
                if not self.fill(deadline):
                    return None
                continue
            final, opcode, payload = frame
            if opcode == 8:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None
                self.close(code)
                raise Closed(code)
            if opcode == 9:
                self.write(10, payload)
            elif opcode in (0, 1, 2):
                assert (opcode == 0) == (self.fragments is not None), "a continuation of nothing"
                self.fragments = (self.fragments or b"") + payload
                if final:
                    message, self.fragments = self.fragments, None
                    return message

    def write(self, opcode, payload):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        length = len(payload)
        if length < 126:
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | length)
        else:
            head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, length)
        try:
            self.socket.sendall(head + mask + masked)
        except OSError as error:
            raise Closed from error

    def close(self, code):
        try:
            self.write(8, struct.pack(">H", code) if code else b"")
        except Closed:
            pass
        self.socket.close()


class Client:
    """Connects, identifies, heartbeats, resumes, and comes back."""

    def __init__(self, url):
        self.base = url
        self.session = None  # id, resume URL
        self.sequence = None
        self.saw = {"connects": 0, "ready": 0, "resumed": 0, "dispatches": 0, "zombies": 0, "members": 0, "gaps": 0, "inflated": 0}

    def live(self):
        while True:
            try:
                self.connection()
            except Closed as closed:
                if closed.code in FATAL:
                    return
                if closed.code in NEW_SESSION:
                    self.session = None
            except Gone:
                if self.saw["ready"]:
                    return
                raise
            time.sleep(0.05)

    def url(self):
        """The resume URL if there is one; the query is there once, behind one slash."""
        parts = urllib.parse.urlsplit(self.session[1] or self.base if self.session else self.base)
        query = dict(urllib.parse.parse_qsl(parts.query)) | QUERY
        return urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path or "/", urllib.parse.urlencode(query), ""))

    def connection(self):
        self.saw["connects"] += 1
        self.acked, self.beat, self.interval = True, None, None
        self.online, self.deadline = False, time.monotonic() + PATIENCE
        self.pending = b""
        self.inflater = zlib.decompressobj() if "compress" in QUERY else None
        self.socket = WebSocket(self.url())
        while True:
            deadlines = [at for at in (self.beat, self.deadline) if at is not None]
            message = self.socket.receive(min(deadlines))
            now = time.monotonic()
            if message is not None and self.inflater:
                self.pending += message
                if not message.endswith(b"\0\0\xff\xff"):
                    continue
                message, self.pending = self.inflater.decompress(self.pending), b""
            elif message is not None and message[:1] == b"\x78":
                self.saw["inflated"] += 1
                message = zlib.decompress(message)
            if message is not None:
                self.message(json.loads(message))
            elif self.deadline is not None and now >= self.deadline:
                self.leave()
            elif self.beat is not None and now >= self.beat:
                if not self.acked:
                    self.saw["zombies"] += 1
                    self.leave()
                self.heartbeat()
                self.acked, self.beat = False, now + self.interval

    def leave(self):
        """Ends the connection with a code that keeps the session."""
        self.socket.close(4000)
        raise Closed(None)

    def send(self, op, data):
        self.socket.write(1, json.dumps({"op": op, "d": data}).encode())

    def heartbeat(self):
        self.send(1, self.sequence if self.session else None)

    def message(self, frame):
        op, data = frame["op"], frame.get("d")
        if op == 10:
            self.interval = max(data["heartbeat_interval"], 100) / 1000
            self.beat = time.monotonic() + self.interval * random.random()
            self.deadline = time.monotonic() + PATIENCE
            if self.session:
                self.send(6, {"token": "T", "session_id": self.session[0], "seq": self.sequence})
            else:
                properties = {"os": "linux", "browser": "foreign", "device": "foreign"}
                self.send(2, {"token": "Bot T", "intents": 53608447, "properties": properties, "shard": [0, 1]} | IDENTIFY)
        elif op == 11:
            self.acked = True
        elif op == 1:
            self.heartbeat()
        elif op == 7:
            self.leave()
        elif op == 9:
            if not data:
                self.session = None
            self.leave()
        elif op == 0:
            self.dispatch(frame["t"], frame["s"], data)

    def dispatch(self, name, sequence, data):
        self.saw["dispatches"] += 1
        if name == "READY":
            self.saw["ready"] += 1
            self.session, self.sequence = (data["session_id"], data.get("resume_gateway_url")), 0
        if self.session and sequence is not None:
            if sequence > self.sequence + 1:
                self.saw["gaps"] += 1
            self.sequence = max(self.sequence, sequence)
        if name == "RESUMED":
            self.saw["resumed"] += 1
        if name in ("READY", "RESUMED"):
            self.deadline, self.online = None, True
            self.ask_for_members()
        if name == "RATE_LIMITED":
            time.sleep(data["retry_after"])
            self.ask_for_members()
        if name == "GUILD_MEMBERS_CHUNK":
            assert data["nonce"] == "n1", data["nonce"]
            self.saw["members"] += len(data["members"])

    def ask_for_members(self):
        self.send(8, {"guild_id": "1", "query": "a", "limit": 100, "nonce": "n1"})


def main():
    base = sys.argv[1]
    if sys.argv[2:] == ["payload"]:
        IDENTIFY["compress"] = True
    elif len(sys.argv) > 2:
        QUERY["compress"] = sys.argv[2]
    request = urllib.request.Request(base.replace("ws", "http", 1) + "/api/v10/gateway/bot")
    request.add_header("Authorization", "Bot T")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        told = json.load(answer)
    client = Client(told["url"])
    client.live()
    print(json.dumps(client.saw))


if __name__ == "__main__":
    main()
