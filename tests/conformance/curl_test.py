"""curl, over HTTP/1.1 and HTTP/2, against our server."""
import os
import pathlib
import select
import unittest

from peers import PATIENCE_S, PeerTest

CARRIERS = ["--http1.1", "--http2-prior-knowledge"]


class Curl(PeerTest):
    def topic(self, carrier):
        return "t" + carrier.strip("-").replace(".", "_")

    def publish(self, server, topic, payload, *flags):
        return self.curl(*flags, "--data-binary", "@-", server.url(f"/publish?topic={topic}"), stdin=payload)

    def stream(self, *flags):
        return self.start(["curl", "-sSN", "--max-time", str(PATIENCE_S), *flags])

    def test_echo_of_any_bytes_and_sizes(self):
        server = self.serve()
        path = pathlib.Path(self.work, "body")
        for carrier in CARRIERS:
            for body in (b"", b"\0\r\n\xff", os.urandom(70_000), os.urandom(1 << 20)):
                with self.subTest(carrier=carrier, size=len(body)):
                    path.write_bytes(body)
                    self.assertEqual(self.curl(carrier, "--data-binary", f"@{path}", server.url("/echo")), body)
            self.assertEqual(self.curl(carrier, server.url("/echo")), b"ok")

    def test_publish_and_poll(self):
        server = self.serve()
        for carrier in CARRIERS:
            topic = self.topic(carrier)
            with self.subTest(carrier=carrier):
                self.assertEqual(self.publish(server, topic, b"one", carrier), b"1")
                self.assertEqual(self.publish(server, topic, "zwei \\ \r\n \u00fc".encode(), carrier), b"2")
                self.assertEqual(self.publish(server, topic, b"", carrier), b"3")
                everything = self.curl(carrier, server.url(f"/poll?topic={topic}&after=0"))
                self.assertEqual(everything, "one\nzwei \\\\ \\r\\n \u00fc\n\\e\n".encode())
                self.assertEqual(self.curl(carrier, server.url(f"/poll?topic={topic}&after=2")), b"\\e\n")
                code = ["-o", "/dev/null", "-w", "%{http_code} %header{cache-control} %header{cursor}"]
                self.assertEqual(self.curl(carrier, *code, server.url(f"/poll?topic={topic}&after=3")), b"204 no-store ")
                self.assertEqual(self.curl(carrier, *code, server.url(f"/poll?topic={topic}&after=now")), b"204 no-store 3")

    def test_a_parked_long_poll_is_woken(self):
        server = self.serve()
        for carrier in CARRIERS:
            topic = self.topic(carrier)
            with self.subTest(carrier=carrier):
                # `now`: nothing that was published before it was parked is an answer.
                parked = self.stream(carrier, "-i", server.url(f"/long-poll?topic={topic}&after=now&timeout=60s"))
                published = 0
                while not select.select([parked.popen.stdout], [], [], 0)[0] and published < 1000:
                    published += 1
                    self.assertEqual(self.publish(server, topic, b"news %d" % published), b"%d" % published)
                answer = parked.rest().replace(b"\r\n", b"\n")
                self.assertEqual(parked.wait(), 0)
                head, _, body = answer.partition(b"\n\n")
                self.assertIn(b"cache-control: no-store", head)
                # One message, and the cursor that goes with it.
                number = int(body.split()[1])
                self.assertEqual(body, b"news %d\n" % number)
                self.assertIn(b"cursor: %d" % number, head.split(b"\n"))

    def test_a_long_poll_that_ends_without_news(self):
        server = self.serve()
        for carrier in CARRIERS:
            self.assertEqual(self.curl(carrier, "-o", "/dev/null", "-w", "%{http_code}",
                                       server.url("/long-poll?topic=empty&after=0&timeout=10ms")), b"204")

    def test_a_stream_carries_what_others_publish(self):
        server = self.serve()
        for carrier in CARRIERS:
            topic = self.topic(carrier)
            with self.subTest(carrier=carrier):
                stream = self.stream(carrier, server.url(f"/stream?topic={topic}&after=0"))
                other = CARRIERS[1 - CARRIERS.index(carrier)]
                for number in range(1, 6):
                    self.publish(server, topic, b"message %d\n" % number, other)
                    self.assertEqual(stream.line(), b"message %d\\n" % number)
                self.assertTrue(stream.quiet())

    def test_events_resume_by_last_event_id(self):
        server = self.serve()
        for carrier in CARRIERS:
            topic = self.topic(carrier)
            with self.subTest(carrier=carrier):
                for payload in (b"one", b"two\nlines", b"three\rand\r\nmore", b"", b": no comment"):
                    self.publish(server, topic, payload)
                events = [b"id: 1\ndata: one\n\n", b"id: 2\ndata: two\ndata: lines\n\n",
                          b"id: 3\ndata: three\ndata: and\ndata: more\n\n", b"id: 4\ndata: \n\n",
                          b"id: 5\ndata: : no comment\n\n"]
                for seen in range(5):
                    expected = b"".join(events[seen:])
                    # The id wins over the URL.
                    stream = self.stream(carrier, "-H", f"Last-Event-ID: {seen}",
                                         server.url(f"/events?topic={topic}&after=1"))
                    self.assertEqual(stream.read(len(expected)), expected)
                    self.assertTrue(stream.quiet())
                    stream.stop()
                live = self.stream(carrier, "-H", "Last-Event-ID: 5", server.url(f"/events?topic={topic}"))
                self.publish(server, topic, b"six")
                self.assertEqual(live.read(17), b"id: 6\ndata: six\n\n")

    def test_heads_are_the_contracts(self):
        server = self.serve()
        for carrier, status in zip(CARRIERS, (b"HTTP/1.1 200 OK", b"HTTP/2 200 ")):
            head = self.curl(carrier, "-D", "-", "-o", "/dev/null", server.url("/echo")).split(b"\r\n")
            length = [b"content-length: 2"] if carrier == "--http1.1" else []
            self.assertEqual(head, [status, b"content-type: text/plain", *length, b"", b""])

    def test_connections_are_reused(self):
        server = self.serve()
        # HTTP/1.1 only: curl 7.88 cannot reuse a connection of prior knowledge (its issue 10634); h2load does, elsewhere.
        opened = self.curl("--http1.1", "-w", "%{http_code} %{num_connects}\n",
                           *["-o", "/dev/null", server.url("/echo")] * 5)
        self.assertEqual(opened.split(b"\n"), [b"200 1"] + [b"200 0"] * 4 + [b""])

    def test_chunked_and_expecting_uploads(self):
        server = self.serve()
        body = os.urandom(300_000)
        path = pathlib.Path(self.work, "body")
        path.write_bytes(body)
        self.assertEqual(self.curl("--http1.1", "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{path}",
                                   server.url("/echo")), body)
        # A minute, so that curl never goes on without the server's word.
        talk = self.curl("--http1.1", "-v", "-H", "Expect: 100-continue", "--expect100-timeout", "60", "--data-binary",
                         "hello", server.url("/echo"), stderr_too=True)
        self.assertIn(b"HTTP/1.1 100 Continue", talk)
        self.assertTrue(talk.startswith(b"hello"))

    def test_what_else_curl_says_by_default(self):
        server = self.serve()
        # An upgrade to h2c may be ignored (RFC 9113 3.1); HTTP/1.0 closes.
        self.assertEqual(self.curl("--http2", "-d", "x", "-w", " %{http_version}", server.url("/echo")), b"x 1.1")
        self.assertEqual(self.curl("--http1.0", "-d", "x", server.url("/echo")), b"x")

    def test_refusals(self):
        server = self.serve()
        for carrier in CARRIERS:
            for request, status in ((["/nowhere"], b"404"), (["/publish?topic=t"], b"405"), (["/poll"], b"400"),
                                    (["/poll?topic=t&after=-1"], b"400"), (["/stream?topic=a/b"], b"400"),
                                    (["-d", "x", "/publish?topic=" + "a" * 129], b"400")):
                with self.subTest(carrier=carrier, request=request):
                    flags, path = request[:-1], request[-1]
                    got = self.curl(carrier, *flags, "-o", "/dev/null", "-w", "%{http_code}", server.url(path))
                    self.assertEqual(got, status)


if __name__ == "__main__":
    unittest.main()
