"""python3-websockets, and bare sockets where it is too polite, against our /ws."""
import asyncio
import os
import struct
import unittest

import websockets

from peers import PATIENCE_S, PeerTest
from sockets import TcpFloor, Wire


def in_loop(test):
    """Runs an async test, bounded."""
    def run(self):
        asyncio.run(asyncio.wait_for(test(self), 2 * PATIENCE_S))
    run.__name__ = test.__name__
    return run


def connect(server, path="/ws", **options):
    options.setdefault("compression", None)
    return websockets.connect(f"ws://{server.authority}{path}", open_timeout=PATIENCE_S, close_timeout=PATIENCE_S,
                              ping_interval=None, max_size=None, **options)


class Websockets(PeerTest):
    @in_loop
    async def test_echo_keeps_the_opcode(self):
        async with connect(self.serve()) as client:
            for message in ("", "text", "\u00fc\U0001f600", b"", b"\0\xff\r\n", "x" * 125, "x" * 126, b"x" * 65535, b"x" * 65536,
                            os.urandom(1 << 20)):
                await client.send(message)
                self.assertEqual(await client.recv(), message)

    @in_loop
    async def test_many_in_flight(self):
        async with connect(self.serve()) as client:
            for number in range(500):
                await client.send(f"message {number}")
            self.assertEqual([await client.recv() for _ in range(500)], [f"message {number}" for number in range(500)])

    @in_loop
    async def test_fragments_are_one_message(self):
        async with connect(self.serve()) as client:
            await client.send(["frag", "mented", "", " \u00fc", "text"])
            self.assertEqual(await client.recv(), "fragmented \u00fctext")
            await client.send([b"\0" * 70000, b"\1" * 70000])
            self.assertEqual(await client.recv(), b"\0" * 70000 + b"\1" * 70000)

    @in_loop
    async def test_ping(self):
        async with connect(self.serve()) as client:
            for payload in (b"", b"p" * 125):
                await (await client.ping(payload))

    @in_loop
    async def test_the_close_handshake(self):
        server = self.serve()
        for code, reason in ((1000, ""), (1001, "leaving"), (4321, "\u00fc" * 61)):
            client = await connect(server)
            await client.close(code, reason)
            self.assertEqual((client.close_code, client.close_rcvd.code), (code, code))
            self.assertTrue(client.close_rcvd_then_sent is False, "the client spoke first")

    @in_loop
    async def test_an_offered_extension_may_be_declined(self):
        async with connect(self.serve(), compression="deflate") as client:
            self.assertEqual(client.extensions, [])
            await client.send("plain")
            self.assertEqual(await client.recv(), "plain")

    @in_loop
    async def test_publish_and_subscribe(self):
        server = self.serve()
        async with connect(server, "/ws?topic=t&after=0") as first, connect(server, "/ws?topic=t&after=0") as second:
            await first.send("one")
            await second.send(["tw", "o"])
            both = [await first.recv(), await first.recv()]
            self.assertEqual(sorted(both), ["one", "two"])
            self.assertEqual([await second.recv(), await second.recv()], both)
            loop = asyncio.get_running_loop()
            number = await loop.run_in_executor(None, lambda: self.curl("-d", "three", server.url("/publish?topic=t")))
            self.assertEqual(number, b"3")
            self.assertEqual([await first.recv(), await second.recv()], ["three", "three"])
        async with connect(server, "/ws?topic=t&after=2") as late:
            self.assertEqual(await late.recv(), "three")
        async with connect(server, "/ws?topic=t&after=now") as late:
            await late.send("four")
            self.assertEqual(await late.recv(), "four")

    @in_loop
    async def test_published_here_seen_everywhere(self):
        server = self.serve()
        async with connect(server, "/ws?topic=t") as client:
            for number in range(1, 4):
                await client.send(f"message {number}")
                self.assertEqual(await client.recv(), f"message {number}")
        expected = b"".join(b"id: %d\ndata: message %d\n\n" % (number, number) for number in range(1, 4))
        for carrier in ("--http1.1", "--http2-prior-knowledge"):
            events = self.start(["curl", "-sSN", "--max-time", str(PATIENCE_S), carrier,
                                 server.url("/events?topic=t&after=0")])
            self.assertEqual(events.read(len(expected)), expected)
        with TcpFloor(server.address) as floor:
            floor.put(floor.SUBSCRIBE, b"t 2")
            self.assertEqual([floor.get(), floor.get()], [(floor.SUBSCRIBE, b""), (floor.MESSAGE, b"message 3")])

    @in_loop
    async def test_refused_handshakes(self):
        server = self.serve("--allow-origin", "https://good.example")
        for path, origin, status in (("/nowhere", None, 404), ("/ws?topic=a/b", None, 400),
                                     ("/ws", "https://bad.example", 403)):
            with self.assertRaises(websockets.InvalidStatusCode, msg=path) as refused:
                await connect(server, path, origin=origin)
            self.assertEqual(refused.exception.status_code, status, path)
        async with connect(server, origin="https://good.example") as client:
            await client.send("welcome")
            self.assertEqual(await client.recv(), "welcome")


class BareFrames(PeerTest):
    """Rules that a good client never breaks (RFC 6455); each answered with the close code it asks for."""

    def upgraded(self, server):
        wire = Wire(server.address)
        self.addCleanup(wire.socket.close)
        wire.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        head = wire.until(b"\r\n\r\n").lower()
        self.assertTrue(head.startswith(b"http/1.1 101 "), head)
        self.assertIn(b"\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n", head)
        return wire

    def test_violations_get_their_code(self):
        server = self.serve()
        mask = b"\x01\x02\x03\x04"
        masked = lambda data: mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        for name, frame, code in (("unmasked", b"\x81\x02hi", 1002),
                                  ("reserved bit", b"\xc1\x82" + masked(b"hi"), 1002),
                                  ("reserved opcode", b"\x83\x82" + masked(b"hi"), 1002),
                                  ("fragmented ping", b"\x09\x82" + masked(b"hi"), 1002),
                                  ("ping of 126", b"\x89\xfe\x00\x7e" + masked(b"p" * 126), 1002),
                                  ("continuation of nothing", b"\x80\x82" + masked(b"hi"), 1002),
                                  ("no UTF-8", b"\x81\x82" + masked(b"\xff\xfe"), 1007),
                                  ("too large", b"\x82\xff" + struct.pack(">Q", 1 << 40) + mask, 1009)):
            with self.subTest(name):
                wire = self.upgraded(server)
                wire.send(frame)
                first, length = wire.read(2)
                self.assertEqual((first, length < 126), (0x88, True))
                self.assertEqual(struct.unpack(">H", wire.read(length)[:2])[0], code)
                wire.socket.shutdown(1)
                self.assertEqual(wire.rest(), b"")

    def test_a_ping_between_fragments(self):
        wire = self.upgraded(self.serve())
        zero = b"\0\0\0\0"
        wire.send(b"\x01\x82" + zero + b"ab" + b"\x89\x81" + zero + b"p" + b"\x80\x82" + zero + b"cd")
        self.assertEqual(wire.read(3 + 6), b"\x8a\x01p" + b"\x81\x04abcd")


if __name__ == "__main__":
    unittest.main()
