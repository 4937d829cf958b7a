"""Our server on bare sockets: pipelining, bytes in ones, the tcp floor, nonsense."""
import os
import signal
import socket
import unittest

from peers import PeerTest
from sockets import TcpFloor, Wire


def request(method, target, body=b"", extra=""):
    length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
    return f"{method} {target} HTTP/1.1\r\nHost: x\r\n{extra}{length}\r\n".encode() + body


class Http1(PeerTest):
    def test_pipelined_answers_come_in_order(self):
        with Wire(self.serve().address) as wire:
            bodies = [b"body %d " % number * (number + 1) for number in range(64)]
            wire.send(b"".join(request("POST", "/echo", body) for body in bodies))
            for body in bodies:
                self.assertEqual(wire.answer(), ("HTTP/1.1 200 OK", {"content-type": "text/plain",
                                                                      "content-length": str(len(body))}, body))

    def test_what_waits_behind_a_parked_poll(self):
        server = self.serve()
        with Wire(server.address) as wire, Wire(server.address) as other:
            wire.send(request("GET", "/long-poll?topic=t&after=0&timeout=60s") + request("POST", "/echo", b"behind"))
            other.send(request("POST", "/publish?topic=t", b"news"))
            self.assertEqual(other.answer()[2], b"1")
            self.assertEqual(wire.answer()[2], b"news\n")
            self.assertEqual(wire.answer()[2], b"behind")

    def test_a_request_in_single_bytes(self):
        with Wire(self.serve().address) as wire:
            for byte in request("POST", "/echo", b"abc") + request("GET", "/echo"):
                wire.send(bytes([byte]))
            self.assertEqual(wire.answer()[2], b"abc")
            self.assertEqual(wire.answer()[2], b"ok")

    def test_a_stream_is_a_chunk_a_message(self):
        server = self.serve()
        with Wire(server.address) as reader, Wire(server.address) as writer:
            for number in range(1, 4):
                writer.send(request("POST", "/publish?topic=t", b"%d" % number))
                writer.answer()
            reader.send(request("GET", "/stream?topic=t&after=0"))
            head = reader.until(b"\r\n\r\n")
            self.assertEqual(head, b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\n"
                                   b"transfer-encoding: chunked\r\n\r\n")
            self.assertEqual([reader.chunk() for _ in range(3)], [b"1\n", b"2\n", b"3\n"])

    def test_half_closed_connections_are_answered(self):
        with Wire(self.serve().address) as wire:
            wire.send(request("POST", "/echo", b"last words"))
            wire.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(wire.answer()[2], b"last words")
            self.assertEqual(wire.rest(), b"")

    def test_what_cannot_be_understood_is_refused_and_closed(self):
        server = self.serve()
        for nonsense in (b"GET / HTTP/1.1\r\n\r\n",  # no Host
                         b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                         b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\nx",
                         b"GET /echo HTTP/1.1\r\nHost: x\r\nBad Field: y\r\n\r\n",
                         b"GET  /echo HTTP/1.1\r\nHost: x\r\n\r\n"):
            with self.subTest(nonsense=nonsense), Wire(server.address) as wire:
                wire.send(nonsense)
                answer = wire.rest()
                self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
                self.assertIn(b"\r\nconnection: close\r\n", answer)
        # Bytes of no protocol: an answer or none, but an end.
        for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(40), b"\xff" * 64,
                      b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + b"\0" * 64):
            with self.subTest(noise=noise), Wire(server.address) as wire:
                wire.send(noise)
                wire.rest()
        with Wire(server.address) as wire:
            wire.send(request("GET", "/echo"))
            self.assertEqual(wire.answer()[2], b"ok")


class Floor(PeerTest):
    def test_echo(self):
        with TcpFloor(self.serve().address) as floor:
            for payload in (b"", b"\0\xff", os.urandom(1 << 20)):
                floor.put(floor.ECHO, payload)
                self.assertEqual(floor.get(), (floor.ECHO, payload))

    def test_publish_and_subscribe(self):
        server = self.serve()
        with TcpFloor(server.address) as reader, TcpFloor(server.address) as writer:
            for number in range(1, 4):
                writer.put(writer.MESSAGE, b"t message %d" % number)
            # An echo behind them: they are published when it is back.
            writer.put(writer.ECHO, b"")
            self.assertEqual(writer.get(), (writer.ECHO, b""))
            reader.put(reader.SUBSCRIBE, b"t 1")
            self.assertEqual(reader.get(), (reader.SUBSCRIBE, b""))
            self.assertEqual(reader.get(), (reader.MESSAGE, b"message 2"))
            self.assertEqual(reader.get(), (reader.MESSAGE, b"message 3"))
            self.assertEqual(self.curl("-d", "by curl", server.url("/publish?topic=t")), b"4")
            self.assertEqual(reader.get(), (reader.MESSAGE, b"by curl"))
            reader.put(reader.MESSAGE, b"t my own")
            self.assertEqual(reader.get(), (reader.MESSAGE, b"my own"))
        self.assertEqual(self.curl(server.url("/poll?topic=t&after=3")), b"by curl\nmy own\n")

    def test_only_what_comes_from_now_on(self):
        server = self.serve()
        with TcpFloor(server.address) as floor:
            floor.put(floor.MESSAGE, b"t old")
            floor.put(floor.SUBSCRIBE, b"t now")
            floor.put(floor.MESSAGE, b"t new")
            self.assertEqual([floor.get(), floor.get()], [(floor.SUBSCRIBE, b""), (floor.MESSAGE, b"new")])

    def test_errors_are_said_before_the_end(self):
        server = self.serve()
        for kind, payload in ((1, b"no-cursor"), (1, b"a/b 0"), (2, b"t \xff\xfe"), (2, b"no-space")):
            with self.subTest(kind=kind, payload=payload), TcpFloor(server.address) as floor:
                floor.put(kind, payload)
                answer = floor.get()
                self.assertEqual(answer[0], floor.CONTROL)
                self.assertTrue(answer[1].startswith(b"error "), answer)
                self.assertEqual(floor.rest(), b"")


class Stopping(PeerTest):
    def test_every_connection_hears_that_the_server_stops(self):
        for flags in ((), ("--workers", "2")):
            with self.subTest(flags=flags):
                server = self.serve(*flags)
                hellos = {
                    "idle": (request("GET", "/echo"), b"ok"), "stream": (request("GET", "/stream?topic=t&after=now"), b"\r\n\r\n"),
                    "events": (request("GET", "/events?topic=t&after=now"), b"\r\n\r\n"),
                    "ws": (request("GET", "/ws", extra="Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), b"\r\n\r\n"),
                    "tcp": (b"\0\0\0\1x", b"\0\0\0\1x"), "h2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\1\0\0\0\0"),
                    # Behind an answer, so that it is known to be parked.
                    "poll": (request("GET", "/echo") + request("GET", "/long-poll?topic=t&after=0"), b"ok"),
                }
                wires = {name: Wire(server.address) for name in hellos}
                for name, (hello, greeting) in hellos.items():
                    wires[name].send(hello)
                    wires[name].until(greeting)
                server.signal(signal.SIGTERM)
                ends = {name: wire.rest() for name, wire in wires.items()}
                self.assertEqual(server.wait(), 0)
                for wire in wires.values():
                    wire.socket.close()
                self.assertEqual(ends.pop("h2")[-17:], b"\0\0\x08\7" + bytes(13))
                self.assertEqual(ends.pop("poll")[:12], b"HTTP/1.1 503")
                self.assertEqual(ends, {"idle": b"", "stream": b"0\r\n\r\n", "events": b"0\r\n\r\n", "ws": b"\x88\x02\x03\xe9", "tcp": b""})


if __name__ == "__main__":
    unittest.main()
