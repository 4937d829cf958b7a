"""Hostile clients on bare sockets, and what a test watches while they are at it: the server's memory, and honest neighbours."""
import pathlib
import random
import socket
import struct
import threading
import time

from peers import PATIENCE_S, PeerTest
from sockets import Wire

MIB = 1 << 20
H2_START = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def h2_frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


H2_SETTINGS = h2_frame(4, 0, 0)
# Without indexing, so that the dynamic table holds what a test put there: method, http, path, authority "a".
H2_POST = b"\x83\x86\x84\x01\x01a"
H2_GET = b"\x82\x86\x04\x05/echo\x01\x01a"


def ws_frame(first, payload=b"", announced=None):
    """Masked with a key of zeros."""
    n = len(payload) if announced is None else announced
    size = bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n) if n < 65536 else b"\xff" + struct.pack(">Q", n)
    return bytes([first]) + size + b"\0\0\0\0" + payload


def upgrade(target):
    return (f"GET {target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()


def memory(pid, what="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {what} of {pid}")


def push(sock, data, quiet_s=0.3, most=64 * MIB):
    """Sends `data` over and over until the other side takes nothing for a while, closes, or `most` is gone. Bytes sent."""
    sent = 0
    sock.settimeout(quiet_s)
    view = memoryview(data)
    try:
        while sent < most:
            sent += sock.send(view[sent % len(data):])
    except (TimeoutError, ConnectionError):
        pass
    sock.settimeout(PATIENCE_S)
    return sent


def small_window(address):
    """A connection whose reader holds as little as the kernel allows."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(PATIENCE_S)
    sock.connect(address)
    return sock


def h2_frames(data):
    """[(type, payload)] of whole frames."""
    frames = []
    while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
        size = int.from_bytes(data[:3], "big")
        frames.append((data[3], data[9:9 + size]))
        data = data[9 + size:]
    return frames


def goaway_code(data):
    """Of the last GOAWAY among frames; None without one."""
    codes = [int.from_bytes(payload[4:8], "big") for kind, payload in h2_frames(data) if kind == 7]
    return codes[-1] if codes else None


def p99_ns(summary):
    """From the histogram: a record names no p99 of so few operations, and a bound as wide as ours needs no more."""
    bits = summary["histogram"]["sub_bucket_bits"]
    left = 0.99 * summary["count"]
    for index, count in summary["histogram"]["counts"]:
        left -= count
        if left <= 0:
            e = max(0, (index >> bits) - 1)
            return (index - (e << bits)) << e
    raise AssertionError(f"no operations: {summary}")


class AbuseTest(PeerTest):
    def setUp(self):
        super().setUp()
        self.open = []
        self.addCleanup(lambda: [sock.close() for sock in self.open])

    def wires(self, server, count):
        made = [Wire(server.address) for _ in range(count)]
        self.open += [wire.socket for wire in made]
        return made

    def deaf(self, server, count):
        made = [small_window(server.address) for _ in range(count)]
        self.open += made
        return made

    def neighbours(self, server, *flags, row="request/h1", workload="rpc", rate=200):
        """The p99 of an honest short run in ms. Every operation of it is ok."""
        record = self.load(server.url(), row, workload, "--rate", str(rate), "--clients", "4", "--arrival", "constant",
                           *(flags if "--duration" in flags else ("--duration", "600ms", *flags)))
        self.assertEqual(record["outcomes"]["ok"], record["scheduled"], record["outcomes"])
        return p99_ns(record["latency_ns"]) / 1e6

    def beside(self, server, attacks, **load):
        """Runs the attacks, (name, attack, most growth in bytes), one after the other beside honest load; what they returned.

        The neighbours are served and not starved, the memory is bounded. 250 ms is where starvation shows (a loop that turns to
        nobody else, a pause of accepting) and two busy cores do not; a run that was slower is held against one without the
        abuse, and, since starvation comes each time and a machine's hiccup does not, made again (three times at most). The strict
        comparison is in the slow form of these tests.
        """
        for attempt in range(3):
            results, slowest = self.attack_beside(server, attacks, **load)
            if slowest <= 250 or slowest < 5 * self.neighbours(server, **load):
                return results
            while attempt < 2 and self.open:
                self.open.pop().close()
        self.fail(f"the neighbours' p99 was {slowest} ms, three times")

    def attack_beside(self, server, attacks, **load):
        """What the attacks returned and the neighbours' worst p99 in ms."""
        results, failures = [], []

        def run():
            try:
                for name, attack, most_growth in attacks:
                    pathlib.Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # the peak counts from here on
                    before = memory(server.pid)
                    results.append(attack())
                    growth = memory(server.pid, "VmHWM") - before
                    if growth >= most_growth:
                        failures.append(f"{name}: the server grew by {growth} bytes, not less than {most_growth}")
            except Exception as error:  # pylint: disable=broad-except
                failures.append(f"{name}: {error!r}")
        thread = threading.Thread(target=run)
        thread.start()
        slowest = self.neighbours(server, **load)
        while thread.is_alive():
            slowest = max(slowest, self.neighbours(server, **load))
        thread.join()
        self.assertEqual(failures, [])
        self.assertIsNone(server.popen.poll(), "the server is alive")
        return results, slowest


def paired_p99(test, server, attack, rounds, seconds):
    """p99 in ms with and without the attack, in rounds of random order."""
    rng = random.Random(7)
    ratios = []
    for _ in range(rounds):
        p99 = {}
        for hostile in rng.sample([False, True], 2):
            stop = attack() if hostile else None
            time.sleep(0.2)  # the attack stands; nothing is measured yet
            p99[hostile] = test.neighbours(server, "--duration", f"{seconds}s", rate=1000)
            if stop:
                stop()
        ratios.append(p99[True] / p99[False])
    return sorted(ratios)
