"""What users get wrong, through the real program: one line on stderr, the documented exit code, no result."""
import json
import pathlib
import signal
import subprocess
import unittest

from peers import DRAGSTRIP, PATIENCE_S, PeerTest

WORDS = {2: "usage", 3: "target failed", 4: "invalid", 5: "not written", 130: "interrupted"}


class CommandLine(PeerTest):
    def fails(self, code, argv, says, out=b""):
        done = subprocess.run([DRAGSTRIP, *map(str, argv)], cwd=self.work, timeout=2 * PATIENCE_S, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        text = done.stderr.decode()
        with self.subTest(argv=argv):
            self.assertEqual(done.returncode, code, text)
            self.assertRegex(text, rf"\Adragstrip( {argv[0]})?: [^\n]+ \[exit {code}, {WORDS[code]}\]\n\Z")
            self.assertIn(says, text)
            if out is not None:
                self.assertEqual(done.stdout, out)
        return done

    def test_flags_and_names(self):
        url = "http://127.0.0.1:1"
        for argv, says in ((["laod"], "did you mean 'load'"), (["--hlep"], "unknown flag '--hlep'"),
                           (["list", "row"], "did you mean 'rows'"),
                           (["load", url, "--rwo", "tcp"], "unknown flag '--rwo'; did you mean '--row'"),
                           (["conform", url, "--rwo", "tcp"], "did you mean '--row'"),
                           (["serve", "--lsiten", "x"], "did you mean '--listen'"),
                           (["load", url], "--row is required"), (["load", "-r", "tcp"], "no URL: which server?"),
                           (["load", url, "-r", "tcp", "-c"], "--clients"), (["load", url, "-r", "tcp", "-c", "x"], "--clients"),
                           (["load", url, "-r", "tcp", "-c", "0"], "--clients"),
                           (["load", url, "-r", "tcp", "-d", "1s", "-d", "2s"], "--duration is given more than once"),
                           (["load", url, "-r", "tcp", "-d", "10"], "--duration 10: a duration such as"),
                           (["load", url, "-r", "tcp", "--rate", "nan"], "--rate"),
                           (["load", url, "-r", "see/h1"], "unknown row 'see/h1'; did you mean 'sse/h1'"),
                           (["conform", url, "--row", "see/h1"], "unknown row 'see/h1'; did you mean 'sse/h1'"),
                           (["load", url, "-r", "tcp", "-w", "fead"], "did you mean 'feed'"),
                           (["load", url, "-r", "sse/h1", "-w", "rpc"], "row sse/h1 cannot carry rpc; these can: tcp, "),
                           (["load", url, "-r", "request/h1", "-w", "feed"], "cannot carry feed"),
                           (["load", "http://localhost", "-r", "tcp", "-w", "chat", "--payload", "8"], "--payload"),
                           (["load", "https://127.0.0.1:1", "-r", "request/h1"], "TLS"),
                           (["conform", "http://192.0.2.1:80"], "loopback only"), (["conform", "nonsense"], "nonsense"),
                           (["load", "http://192.0.2.1:80", "-r", "tcp"], "--allow-remote"),
                           (["serve", "--listen", "0.0.0.0:0"], "--allow-remote"),
                           (["serve", "--listen", "127.0.0.1"], "HOST:PORT"), (["serve", "--cpu", "-1"], "--cpu"),
                           (["serve", "--cpu", "2147483647"], "--cpu")):
            self.fails(2, argv, says)

    def test_a_port_in_use(self):
        self.fails(2, ["serve", "--listen", self.serve().authority], "the port is in use")

    def test_nobody_listens(self):
        for row, workload in (("tcp", "rpc"), ("request/h2", "rpc"), ("websocket/h1", "feed"), ("sse/h2", "chat"),
                              ("request/h1-close", "connect")):
            self.fails(3, ["load", "http://127.0.0.1:1", "-r", row, "-w", workload], "connection refused by 127.0.0.1:1")

    def test_results_that_cannot_be_written(self):
        server = self.serve()
        run = ["load", server.url(), "-r", "tcp", "--closed", "--warmup", "0s", "--duration", "50ms"]
        (pathlib.Path(self.work) / "directory").mkdir()
        for path in ("/nonexistent/run.json", "/dev/full", "directory", "/proc/run.json"):
            self.fails(5, [*run, "--json", path], "cannot write " + path, out=None)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([DRAGSTRIP, *run, "--json", "-"], stdout=full, stderr=subprocess.PIPE,
                                  timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertRegex(done.stderr.decode(), r"\A[^\n]+No space left on device[^\n]*\n\Z")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([DRAGSTRIP, "list", "rows"], stdout=full, stderr=subprocess.PIPE,
                                  timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 5)

    def test_an_interrupt_keeps_what_there_is(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                server = self.serve()
                run, path = self.begun(server, "-r", "tcp")
                self.wait_until_busy(server, run)
                run.signal(number)
                self.assertEqual(run.wait(), 130)
                self.assertRegex(run.stderr(), r"\Adragstrip load: partial results were kept \[exit 130, interrupted\]\n\Z")
                record = json.loads(path.read_text())
                self.assertIs(record["complete"], False)
                self.assertGreater(record["outcomes"]["ok"], 0)
                self.assertLess(record["scheduled"], 30_000)
                self.assert_books_close(record)
                self.assertIn("interrupted", [reason["code"] for reason in record["reasons"]])

    def test_a_server_that_is_killed(self):
        for row in ("tcp", "request/h1", "request/h2", "websocket/h1"):
            with self.subTest(row=row):
                server = self.start([DRAGSTRIP, "serve", "--die-with-parent"])
                server.wait_listening()
                run, path = self.begun(server, "-r", row)
                self.wait_until_busy(server, run)
                server.signal(signal.SIGKILL)
                self.assertEqual(run.wait(), 3)
                self.assertRegex(run.stderr(), r"\Adragstrip load: [^\n]*the server died during the run[^\n]* "
                                               r"\[exit 3, target failed\]\n\Z")
                record = json.loads(path.read_text())
                self.assertEqual(record["verdict"], "invalid")
                self.assertIn("target_died", [reason["code"] for reason in record["reasons"]])
                self.assertGreater(record["outcomes"]["ok"], 0)
                self.assert_books_close(record)


if __name__ == "__main__":
    unittest.main()
