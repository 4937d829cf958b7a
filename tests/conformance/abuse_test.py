"""The server's limits from outside, one by one: each abuse is sent, and the answer, the server's memory and the neighbours are
watched. The limits and what the peer gets stand in docs/limits.md. (Deadlines of many seconds are tested in virtual time:
tests/servers/http1_limits_test.cc and its neighbours.)"""
import socket
import unittest

from abuse import (AbuseTest, H2_GET, H2_POST, H2_SETTINGS, H2_START, MIB, goaway_code, h2_frame, memory, paired_p99, push, upgrade,
                   ws_frame)
from peers import PATIENCE_S, SLOW

KIB = 1024
# What the server may need at once for reasons of its own: read buffers, pools, the honest load's connections.
SLACK = 8 * MIB


class Http1Abuse(AbuseTest):
    def test_heads_and_bodies(self):
        server = self.serve()
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\n"

        def slowloris():  # the 408 after 10 s: Http1Limits.a_head_has_ten_seconds
            wires = self.wires(server, 100)
            for at in range(12):
                for wire in wires:
                    wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n" if at == 0 else b"F: " + b"v" * 1000 + b"\r\n")

        def unfinished_bodies():  # held, each below twice the limit, since buffers double
            for wire in self.wires(server, 10):
                wire.send(head + b"Content-Length: 1048576\r\n\r\n" + b"x" * (MIB - 1))

        def refused():
            statuses = []
            for start, rest in ((b"GET /" + b"a" * 9000, b""), (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"F: vvvvvvv\r\n" * 2000, b""),
                                (head + b"Content-Length: 1048577\r\n\r\n", b""), (head + b"Content-Length: 99999999999999999999\r\n\r\n", b""),
                                (head + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n")):
                for wire in self.wires(server, 5):
                    push(wire.socket, start, most=len(start))
                    push(wire.socket, rest or b"", most=2 * MIB if rest else 0)
                    statuses.append(wire.rest()[:12])
            return statuses
        statuses = self.beside(server, [("slowloris", slowloris, SLACK + 100 * 64 * KIB),
                                        ("unfinished bodies", unfinished_bodies, SLACK + 10 * 2 * MIB),
                                        ("above the limits", refused, SLACK + 25 * 256 * KIB)])[2]
        expected = [status for status in (b"414", b"431", b"413", b"400", b"413") for _ in range(5)]
        self.assertEqual(statuses, [b"HTTP/1.1 " + status for status in expected])

    def test_a_pipeline_whose_answers_nobody_reads(self):
        server = self.serve()
        deaf = self.deaf(server, 20)

        def attack():
            return [push(sock, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 500, 0.02) for sock in deaf]
        sent, = self.beside(server, [("pipeline", attack, SLACK + 20 * 3 * MIB)])
        self.assertLess(max(sent), 32 * MIB, "reading was paused")

    def test_parked_polls_over_the_cap(self):
        server = self.serve("--max-parked", "20")
        wires = self.wires(server, 60)

        for wire in wires[:20]:
            wire.send(b"GET /long-poll?topic=t&after=0&timeout=60s HTTP/1.1\r\nHost: x\r\n\r\n")
        self.neighbours(server)  # longer than it takes to park them

        def one_more():
            for wire in wires[20:]:
                wire.send(b"GET /long-poll?topic=t&after=0&timeout=60s HTTP/1.1\r\nHost: x\r\n\r\n")
            return [wire.answer() for wire in wires[20:]]
        for status, fields, _ in self.beside(server, [("polls", one_more, SLACK)])[0]:
            self.assertEqual(status, "HTTP/1.1 503 Service Unavailable")
            self.assertIn("retry-after", fields)
        publisher = self.wires(server, 1)[0]
        publisher.send(b"POST /publish?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnews")
        self.assertEqual(publisher.answer()[2], b"1")
        self.assertEqual([wire.answer()[2] for wire in wires[:20]], [b"news\n"] * 20)

    def test_connections_over_the_cap(self):
        server = self.serve("--max-connections", "30")
        wires = self.wires(server, 10)
        for wire in wires:  # taken, all ten
            wire.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(wire.answer()[2], b"ok")
        flood = self.wires(server, 100)
        ends = [self.ended(wire.socket) for wire in flood[20:]]
        self.assertEqual(ends, [True] * 80)
        self.assertEqual([self.ended(wire.socket, 0.01) for wire in flood[:20]], [False] * 20)
        for wire in wires:  # those who were there first are served
            wire.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(wire.answer()[2], b"ok")
        for wire in flood:
            wire.socket.close()
        self.neighbours(server)
        self.assertLess(memory(server.pid, "VmHWM"), 64 * MIB)

    @staticmethod
    def ended(sock, patience_s=PATIENCE_S):
        sock.settimeout(patience_s)
        try:
            return sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def test_topics_over_the_cap(self):
        """100,000 topics cost little while they are empty; the one above is refused and the others go on."""
        server = self.serve()
        wire = self.wires(server, 1)[0]

        def attack():
            for first in range(0, 100_000, 1000):
                wire.send(b"".join(b"GET /poll?topic=t%d&after=0 HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(first, first + 1000)))
                for _ in range(1000):
                    wire.until(b"\r\n\r\n")
        self.beside(server, [("topics", attack, SLACK + 100_000 * 512)])
        wire.send(b"GET /poll?topic=new HTTP/1.1\r\nHost: x\r\n\r\nGET /poll?topic=t5&after=0 HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(wire.answer()[0::2], ("HTTP/1.1 503 Service Unavailable", b"too many topics\n"))
        self.assertIn(b" 204 ", wire.until(b"\r\n\r\n"))


class Http2Abuse(AbuseTest):
    def test_floods_end_the_connection_with_their_code(self):
        server = self.serve()
        entry = b"\x40\x01x\x7f" + bytes([0x80 | (3900 - 127) & 0x7f, (3900 - 127) >> 7]) + b"v" * 3900
        floods = {
            # 12 KB of HPACK that stand for 47 MB of fields, and many small ones that stand for 40 KB each.
            "header bomb": (h2_frame(1, 5, 1, H2_GET + entry) + h2_frame(1, 5, 3, H2_GET + b"\xbe" * 12_000) * 20, 0x0b),
            "header bombs": (h2_frame(1, 5, 1, H2_GET + entry) +
                             b"".join(h2_frame(1, 5, n, H2_GET + b"\xbe" * 10) for n in range(3, 2003, 2)), 0x0b),
            "rapid reset": (b"".join(h2_frame(1, 5, n, H2_GET) + h2_frame(3, 0, n, b"\0\0\0\x08") for n in range(1, 6001, 2)), 0x0b),
            "PING": (h2_frame(6, 0, 0, b"12345678") * 3000, 0x0b),
            "SETTINGS": (H2_SETTINGS * 3000, 0x0b),
            "WINDOW_UPDATE": (h2_frame(8, 0, 0, b"\0\0\0\x01") * 3000, 0x0b),
            "PRIORITY": (h2_frame(2, 0, 1, b"\0\0\0\0\1") * 3000, 0x0b),
            "empty DATA": (h2_frame(1, 4, 1, H2_POST) + h2_frame(0, 0, 1) * 3000, 0x0b),
            "CONTINUATION": (h2_frame(1, 0, 1, H2_POST) + h2_frame(9, 0, 1, b"\x00\x01a\x01b") * 3000, 0x0b),
        }

        def flood(frames):
            codes = set()
            for wire in self.wires(server, 10):
                push(wire.socket, H2_START + H2_SETTINGS + frames, most=len(H2_START + H2_SETTINGS + frames))
                codes.add(goaway_code(wire.rest()))
            return codes
        codes = self.beside(server, [(name, lambda frames=frames: flood(frames), SLACK + 10 * 512 * KIB)
                                     for name, (frames, _) in floods.items()])
        self.assertEqual(dict(zip(floods, codes)), {name: {code} for name, (_, code) in floods.items()})

    def test_what_one_connection_can_make_us_hold(self):
        server = self.serve()

        def bodies():  # 60 x 1 MB: 32 MiB are held, what comes above is answered 503
            wire = self.wires(server, 1)[0]
            wire.send(H2_START + H2_SETTINGS + h2_frame(4, 1, 0))
            for n in range(1, 121, 2):
                wire.send(h2_frame(1, 4, n, H2_POST))
                push(wire.socket, h2_frame(0, 0, n, b"b" * 16_000), 0.02, most=60 * 16_009)

        def unread_answers():  # as many as may run at once, below 1 KiB each
            for sock in self.deaf(server, 3):
                sock.sendall(H2_START + H2_SETTINGS)
                push(sock, b"".join(h2_frame(1, 5, n, H2_GET) for n in range(1, 32_768, 2)), 0.05, most=len(h2_frame(1, 5, 1, H2_GET)) * 16_384)
                neighbour = self.wires(server, 1)[0]
                neighbour.send(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
                self.assertIn(" 200 ", neighbour.answer()[0])  # it turns to others before the next one comes
        self.beside(server, [("bodies", bodies, SLACK + 80 * MIB), ("unread answers", unread_answers, SLACK + 3 * 20 * MIB)])


class FrameAbuse(AbuseTest):
    def test_websocket_and_tcp(self):
        server = self.serve()

        def close_codes(frames, connections):
            codes = set()
            for wire in self.wires(server, connections):
                wire.send(upgrade("/ws"))
                wire.until(b"\r\n\r\n")
                push(wire.socket, frames, most=len(frames))
                codes.add(wire.rest()[-4:])
            return codes

        def announced():  # lengths that never come cost nothing
            for wire in self.wires(server, 100):
                wire.send(upgrade("/ws") + ws_frame(0x82, b"just this", announced=16 * MIB))
                wire.until(b"\r\n\r\n")
            for wire in self.wires(server, 100):
                wire.send(b"\0\xff\xff\xff" + b"x" * 1000)

        def pings():
            for sock in self.deaf(server, 20):
                sock.sendall(upgrade("/ws"))
                push(sock, ws_frame(0x89, b"p" * 125) * 500, 0.02, most=4 * MIB)

        def unknown_frames():
            wires = self.wires(server, 50)
            for wire in wires:
                wire.send(b"\4\0\0\1x" * 100)
            return {wire.rest() for wire in wires}
        endless = ws_frame(2, b"x" * 65536) + ws_frame(0, b"x" * 65536) * 300
        empty = ws_frame(2) + ws_frame(0) * 300
        results = self.beside(server, [
            ("a message above the cap", lambda: close_codes(ws_frame(0x82, announced=16 * MIB + 1), 50), SLACK),
            ("endless fragments", lambda: close_codes(endless, 2), SLACK + 2 * 64 * MIB),
            ("empty fragments", lambda: close_codes(empty, 50), SLACK),
            ("announced lengths", announced, SLACK + 200 * 64 * KIB), ("pings", pings, SLACK + 20 * 512 * KIB),
            ("unknown frames", unknown_frames, SLACK)])
        self.assertEqual(results[:3], [{b"\x88\x02" + code.to_bytes(2, "big")} for code in (1009, 1009, 1008)])
        self.assertEqual(results[5], {b"\3\0\0\x18error unknown frame type"})


class SlowReaders(AbuseTest):
    """F-15: subscribers that stop reading, on every kind of push, while 10 MB are published."""
    COUNT = 10
    CAP = 2 * MIB  # 1 MiB unsent, in a buffer that doubles

    def test_every_kind_of_push(self):
        server = self.serve()
        path = b"/stream?topic=t&after=0"
        h2_block = b"\x82\x86\x44" + bytes([len(path)]) + path + b"\x41\x01a"
        kinds = {
            "http-stream": b"GET /stream?topic=t&after=0 HTTP/1.1\r\nHost: x\r\n\r\n",
            "sse": b"GET /events?topic=t&after=0 HTTP/1.1\r\nHost: x\r\n\r\n",
            "websocket": upgrade("/ws?topic=t&after=0"),
            "tcp": b"\1\0\0\3t 0",
            "h2": H2_START + h2_frame(4, 0, 0, b"\0\4\x7f\xff\xff\xff") + h2_frame(8, 0, 0, b"\x7f\xf0\0\0") + h2_frame(1, 5, 1, h2_block),
        }
        publisher = self.wires(server, 1)[0]
        message = b"POST /publish?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"m" * 100_000

        def publish(times):
            for _ in range(times):
                publisher.send(message)
                publisher.answer()
        publish(350)  # the topic's own log is full: what grows from here on are the readers' buffers

        def attack(hello):
            for sock in self.deaf(server, self.COUNT):
                sock.sendall(hello)
            publish(100)
        self.beside(server, [(name, lambda hello=hello: attack(hello), SLACK + self.COUNT * self.CAP) for name, hello in kinds.items()])


@unittest.skipUnless(SLOW, "the strict form")
class StrictNeighbours(AbuseTest):
    """The 10 % of F-15 and F-16 for abuses that stand still, in alternating rounds: the median of the paired ratios."""
    LABELS = "slow"

    def judge(self, open_one, count=200):
        server = self.serve()

        def attack():
            socks = [open_one(server) for _ in range(count)]
            return lambda: [sock.close() for sock in socks]
        ratios = paired_p99(self, server, attack, rounds=9, seconds=3)
        self.assertLess(ratios[len(ratios) // 2], 1.10, ratios)

    def hello(self, bytes_):
        def open_one(server):
            sock = socket.create_connection(server.address)
            sock.sendall(bytes_)
            return sock
        return open_one

    def test_heads_that_never_end(self):
        self.judge(self.hello(b"GET / HTTP/1.1\r\nHost: x\r\nF: " + b"v" * 8000))

    def test_parked_polls(self):
        self.judge(self.hello(b"GET /long-poll?topic=t&after=0&timeout=120s HTTP/1.1\r\nHost: x\r\n\r\n"))

    def test_announced_messages(self):
        self.judge(self.hello(upgrade("/ws") + ws_frame(0x82, b"x", announced=16 * MIB)))


if __name__ == "__main__":
    unittest.main()
