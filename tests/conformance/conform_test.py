"""`dragstrip conform` against every server that claims the contract, and against one that does not."""
import json
import re
import signal
import unittest

from peers import BIN, DRAGSTRIP, HOME, PeerTest


class Conform(PeerTest):
    def conform(self, url, rows=(), code=0):
        argv = [DRAGSTRIP, "conform", url]
        for row in rows:
            argv += ["--row", row]
        text = self.run_program(*argv, code=code).decode()
        passed, failed = map(int, re.search(r"^(\d+) passed, (\d+) failed$", text, re.M).groups())
        self.assertEqual(len(re.findall(r"^ok ", text, re.M)), passed)
        self.assertEqual(len(re.findall(r"^FAIL ", text, re.M)), failed)
        return text, passed, failed

    def test_our_server_in_every_row(self):
        for flags in ((), ("--workers", "3")):
            with self.subTest(flags=flags):
                text, passed, failed = self.conform(self.serve(*flags).url())
                self.assertEqual(failed, 0, text)
                for row in self.rows():
                    self.assertIn(f"{row} ", text)
                self.assertGreaterEqual(passed, 2 * len(self.rows("feed")) + len(self.rows("rpc")))

    def stack(self, name):
        manifest = json.loads((HOME / "servers/stacks" / name / "stack.json").read_text())
        argv = [word.format(bin=BIN, listen="127.0.0.1:0") for word in manifest["launch"]]
        server = self.start(argv)
        server.wait_listening()
        self.assertTrue(set(manifest["rows"]) <= set(self.rows()))
        text, _, failed = self.conform(server.url(), manifest["rows"])
        self.assertEqual(failed, 0, text)
        # A poll that is parked, and a stream that is open, do not hold up the end.
        parked = self.start(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                             server.url("/long-poll?topic=t&after=now&timeout=120s")])
        stream = self.start(["curl", "-sSN", server.url("/stream?topic=t&after=0")])
        self.curl("-d", "x", server.url("/publish?topic=t"))
        self.assertEqual(stream.line(), b"x")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        parked.wait()

    def test_cpp_httplib_as_shipped(self):
        self.stack("cpp_httplib")

    def test_cpp_httplib_tuned(self):
        self.stack("cpp_httplib_tuned")

    def test_only_one_row(self):
        text, _, _ = self.conform(self.serve().url(), ["websocket/h1"])
        self.assertIn("websocket/h1 resumes", text)
        self.assertNotIn("sse/h1", text)

    def test_a_server_of_something_else(self):
        text, passed, failed = self.conform(self.nginx().url(), code=3)
        self.assertEqual(passed, 0, text)
        self.assertGreater(failed, 20)

    def test_nobody_there(self):
        self.conform("http://127.0.0.1:1", ["request/h1"], code=3)


if __name__ == "__main__":
    unittest.main()
