"""HTTP/2 peers against our server: nghttp, h2load, and python3-h2 with a window of a few bytes."""
import re
import unittest

import h2.config
import h2.connection
import h2.events
import h2.settings

from peers import PeerTest
from sockets import Wire


class Nghttp(PeerTest):
    def test_the_frames_of_a_request(self):
        server = self.serve()
        trace = self.run_program("nghttp", "-nv", "--no-dep", server.url("/echo")).decode()
        trace = re.sub(r"\x1b\[[0-9;]*m", "", trace)
        received = re.findall(r"recv ([A-Z_]+) frame <length=(\d+), flags=0x([0-9a-f]{2}), stream_id=(\d+)>", trace)
        stream = re.search(r"send HEADERS frame <.*stream_id=(\d+)>", trace)[1]
        self.assertIn("recv (stream_id=%s) :status: 200" % stream, trace)
        self.assertEqual(received[0][0::3], ("SETTINGS", "0"), "the server's first frame")
        self.assertEqual([name for name, _, flags, _ in received if name == "SETTINGS" and flags == "01"], ["SETTINGS"])
        answer = [(name, int(length), int(flags, 16)) for name, length, flags, on in received if on == stream]
        self.assertEqual([name for name, _, _ in answer], ["HEADERS", "DATA"])
        self.assertEqual(answer[0][2], 0x4, "END_HEADERS")
        self.assertEqual(answer[1][1:], (2, 0x1), "`ok`, END_STREAM")
        self.assertFalse({name for name, _, _, _ in received} & {"GOAWAY", "RST_STREAM", "PUSH_PROMISE"})

    def test_many_requests_share_a_connection(self):
        server = self.serve()
        trace = self.run_program("nghttp", "-nv", "-m", "50", server.url("/echo")).decode()
        self.assertEqual(trace.count(":status: 200"), 50)
        self.assertEqual(trace.count("Connected"), 1)
        self.assertNotIn("RST_STREAM", trace)

    def test_too_large_a_header_list_is_refused(self):
        # --continuation sends about 32 KiB of fields; we announce 16384.
        trace = self.run_program("nghttp", "-v", "--continuation", self.serve().url("/echo")).decode()
        self.assertIn(":status: 431", trace)
        self.assertNotIn("recv GOAWAY", trace)

    def test_padding_and_uploads(self):
        server = self.serve()
        path = self.work + "/body"
        with open(path, "wb") as body:
            body.write(b"x" * 700_000)
        # Windows of 2^14-1 bytes for streams and connection: the answer needs many turns of flow control.
        got = self.run_program("nghttp", "--padding=100", "-w", "14", "-W", "14", "-d", path, server.url("/echo"))
        self.assertEqual(got, b"x" * 700_000)


class H2load(PeerTest):
    def total(self, text):
        return re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, "
                         r"(\d+) timeout", text).groups()

    def test_all_succeed(self):
        server = self.serve()
        path = self.work + "/body"
        with open(path, "wb") as body:
            body.write(b"y" * 5000)
        for flags in (["-c", "4", "-m", "10"], ["-c", "2", "-m", "100", "-d", path], ["-c", "4", "--h1"],
                      ["-c", "2", "-m", "10", "-w", "10", "-d", path]):
            with self.subTest(flags=flags):
                text = self.run_program("h2load", "-n", "2000", *flags, server.url("/echo")).decode()
                self.assertEqual(self.total(text), ("2000", "2000", "2000", "2000", "0", "0", "0"))
                self.assertIn("status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx", text)

    def test_several_workers(self):
        server = self.serve("--workers", "3")
        text = self.run_program("h2load", "-n", "2000", "-c", "8", "-m", "10", server.url("/echo")).decode()
        self.assertEqual(self.total(text), ("2000", "2000", "2000", "2000", "0", "0", "0"))


class H2Peer(Wire):
    """python3-h2 on a socket. Opens its windows only when told to."""

    def __init__(self, address, window):
        super().__init__(address)
        self.authority = "%s:%d" % address
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window,
                                         h2.settings.SettingCodes.ENABLE_PUSH: 0})
        self.h2.initiate_connection()
        self.body = {}
        self.head = {}
        self.ended = set()
        self.resets = {}
        self.flush()

    def flush(self):
        self.send(self.h2.data_to_send())

    def get(self, path, fields=()):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", "GET"), (":path", path), (":scheme", "http"),
                                      (":authority", self.authority), *fields], end_stream=True)
        self.body[stream] = b""
        self.flush()
        return stream

    def turn(self):
        """One read; python3-h2 raises when the peer breaks a rule or a window."""
        self.buffer = b""
        self._more()
        for event in self.h2.receive_data(self.buffer):
            if isinstance(event, h2.events.DataReceived):
                self.body[event.stream_id] += event.data
            elif isinstance(event, h2.events.ResponseReceived):
                self.head[event.stream_id] = dict(event.headers)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.resets[event.stream_id] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                raise EOFError(f"GOAWAY {event.error_code}")
        self.flush()

    def until_body(self, stream, size):
        while len(self.body[stream]) < size:
            self.turn()
        return self.body[stream]

    def ping(self):
        """A round trip: what the server had to send before is here."""
        self.h2.ping(b"roundtri")
        self.flush()
        acknowledged = False
        while not acknowledged:
            self.buffer = b""
            self._more()
            for event in self.h2.receive_data(self.buffer):
                acknowledged = acknowledged or isinstance(event, h2.events.PingAckReceived)
                if isinstance(event, h2.events.DataReceived):
                    self.body[event.stream_id] += event.data
            self.flush()

    def grant(self, size, stream):
        self.h2.increment_flow_control_window(size, stream)
        self.flush()


class TinyWindow(PeerTest):
    WINDOW = 10

    def publish(self, server, count):
        for number in range(1, count + 1):
            self.assertEqual(self.curl("-d", f"message {number:04}", server.url("/publish?topic=t")), b"%d" % number)
        return b"".join(b"message %04d\n" % number for number in range(1, count + 1))

    def test_a_stream_through_ten_bytes(self):
        server = self.serve()
        expected = self.publish(server, 20)
        with H2Peer(server.address, self.WINDOW) as peer:
            stream = peer.get("/stream?topic=t&after=0")
            for size in range(self.WINDOW, len(expected), self.WINDOW):
                self.assertEqual(peer.until_body(stream, size), expected[:size])
                peer.ping()
                self.assertEqual(peer.body[stream], expected[:size], "more than the window allowed, or less")
                peer.grant(self.WINDOW, stream)
            self.assertEqual(peer.until_body(stream, len(expected)), expected)
            self.assertEqual(peer.head[stream][":status"], "200")
            self.assertFalse(peer.ended)

    def test_a_stopped_stream_holds_nobody_up(self):
        server = self.serve()
        expected = self.publish(server, 10)
        with H2Peer(server.address, self.WINDOW) as peer:
            stopped = peer.get("/stream?topic=t&after=0")
            self.assertEqual(peer.until_body(stopped, self.WINDOW), expected[:self.WINDOW])
            for _ in range(20):
                other = peer.get("/echo")
                while other not in peer.ended:
                    peer.turn()
                self.assertEqual(peer.body[other], b"ok")
            events = peer.get("/events?topic=t", [("last-event-id", "9")])
            peer.grant(1000, events)
            self.assertEqual(peer.until_body(events, 27), b"id: 10\ndata: message 0010\n\n")
            peer.grant(1000, stopped)
            self.assertEqual(peer.until_body(stopped, len(expected)), expected)

    def test_a_reset_stream_ends_alone(self):
        server = self.serve()
        expected = self.publish(server, 3)
        with H2Peer(server.address, 65535) as peer:
            first, second = (peer.get("/stream?topic=t&after=0") for _ in range(2))
            peer.until_body(first, len(expected))
            peer.until_body(second, len(expected))
            peer.h2.reset_stream(first, 8)
            peer.flush()
            self.curl("-d", "later", server.url("/publish?topic=t"))
            self.assertEqual(peer.until_body(second, len(expected) + 6), expected + b"later\n")
            self.assertEqual(peer.body[first], expected)

    def test_heads_in_many_frames(self):
        with H2Peer(self.serve().address, 65535) as peer:
            # HEADERS and four CONTINUATIONs; nghttp2 ends connections that send more than eight (CVE-2024-28182).
            peer.h2.max_outbound_frame_size = 1700
            stream = peer.get("/echo", [("x-large", "v" * 9000)])
            while stream not in peer.ended:
                peer.turn()
            self.assertEqual((peer.head[stream][":status"], peer.body[stream]), ("200", b"ok"))

    def test_errors_of_one_request(self):
        server = self.serve()
        with H2Peer(server.address, 65535) as peer:
            for path, status in (("/nowhere", "404"), ("/poll", "400"), ("/echo", "200")):
                stream = peer.get(path)
                while stream not in peer.ended:
                    peer.turn()
                self.assertEqual(peer.head[stream][":status"], status)


if __name__ == "__main__":
    unittest.main()
