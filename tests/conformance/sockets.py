"""Clients written on bare sockets: what a test needs to say things no well-behaved program would."""
import socket
import struct

from peers import PATIENCE_S


class Wire:
    """A TCP connection whose reads end at a deadline, and fail when the other side closes first."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        some = self.socket.recv(1 << 16)
        if not some:
            raise EOFError(f"closed by the other side, behind {self.buffer[-200:]!r}")
        self.buffer += some

    def read(self, size):
        while len(self.buffer) < size:
            self._more()
        got, self.buffer = self.buffer[:size], self.buffer[size:]
        return got

    def until(self, end):
        while end not in self.buffer:
            self._more()
        at = self.buffer.index(end) + len(end)
        got, self.buffer = self.buffer[:at], self.buffer[at:]
        return got

    def rest(self):
        """All up to the other side's end; an abortive end counts as one."""
        try:
            while True:
                self._more()
        except (EOFError, ConnectionResetError):
            got, self.buffer = self.buffer, b""
            return got

    def answer(self):
        """(status line, fields, body) of an HTTP/1.1 answer with a length."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        fields = dict(line.split(": ", 1) for line in lines[1:])
        return lines[0], fields, self.read(int(fields.get("content-length", "0")))

    def chunk(self):
        size = int(self.until(b"\r\n"), 16)
        return self.read(size + 2)[:-2]


class TcpFloor(Wire):
    """The tcp row: one byte type, three bytes length, payload."""
    ECHO, SUBSCRIBE, MESSAGE, CONTROL = range(4)

    def put(self, kind, payload):
        self.send(struct.pack(">I", kind << 24 | len(payload)) + payload)

    def get(self):
        head, = struct.unpack(">I", self.read(4))
        return head >> 24, self.read(head & 0xffffff)
