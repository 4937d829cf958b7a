"""Who is blamed, over real sockets: a stopped generator, a stopped server, one core for both, a backlog that is too short.

Stops are real (SIGSTOP), and placed by what can be seen from outside: all clients are connected. The nanoseconds are in
tests/matrix/matrix_blame_test.cc.
"""
import json
import os
import pathlib
import signal
import socket
import threading
import time
import unittest

from peers import DRAGSTRIP, PATIENCE_S, PeerTest


def connections_to(port):
    count = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, state = line.split()[:4]
        count += remote.endswith(f":{port:04X}") and state == "01"
    return count


def codes(record):
    return {reason["code"] for reason in record["reasons"]}


class StopTest(PeerTest):
    def stop_one(self, row, workload, clients, stopped, stop_s, window_s):
        """One run with `stopped`, "generator" or "server", stopped in the middle of it. The record, and the generator's share."""
        server = self.serve()
        path = pathlib.Path(self.work, "record.json")
        load = self.start([DRAGSTRIP, "load", server.url(), "--row", row, "--workload", workload, "--json", path, "--clients", clients,
                           "--rate", "200", "--warmup", "100ms", "--duration", f"{window_s}s", "--timeout", "60s"])
        deadline = time.monotonic() + PATIENCE_S
        while connections_to(server.address[1]) < clients:
            self.assertIsNone(load.popen.poll(), load.stderr())
            self.assertLess(time.monotonic(), deadline, "the clients do not connect")
            time.sleep(0.01)
        process = load if stopped == "generator" else server
        time.sleep(0.8)  # into the window; anywhere in it will do
        process.signal(signal.SIGSTOP)
        time.sleep(stop_s)
        process.signal(signal.SIGCONT)
        self.assertIn(load.wait(), (0, 4), load.stderr())
        record = json.loads(path.read_text())
        self.assert_books_close(record)
        blame = record["blame"]
        self.assertEqual(blame["operations"], record["outcomes"]["ok"])
        parts = ("slip_ns", "pool_wait_ns", "flow_wait_ns", "publisher_slip_ns", "service_ns", "read_wait_ns")
        self.assertEqual(blame["total_ns"], sum(blame[part]["total_ns"] for part in parts if blame[part]))
        self.assertGreater(blame["total_ns"] / blame["operations"], 0.3e9 * stop_s * stop_s / window_s, "the stop was not felt")
        return record, blame["generator_ns"]["total_ns"] / blame["total_ns"]

    def check(self, stop_s, window_s):
        # More users than become due during the stop: none of them waits for another.
        for row, workload, clients in (("request/h1", "rpc", 64), ("websocket/h1", "feed", 8)):
            with self.subTest(row=row, workload=workload):
                record, share = self.stop_one(row, workload, clients, "generator", stop_s, window_s)
                self.assertGreaterEqual(share, 0.95, record["blame"])
                self.assertNotEqual(record["verdict"], "valid")
                self.assertTrue(codes(record) >= {"slip", "gap", "late"}, record["reasons"])
                record, share = self.stop_one(row, workload, clients, "server", stop_s, window_s)
                self.assertLessEqual(share, 0.02, record["blame"])


class Stops(StopTest):
    def test_who_was_stopped_is_who_is_blamed(self):
        """A stop that is long against all that a busy machine adds, so that no quiet run has to be compared with."""
        self.check(1.0, 2.5)


class ShortStops(StopTest):
    LABELS = "net;slow"

    def test_200_ms(self):
        """What is left of an operation without a stop has to be small against 8 ms on average: for a machine that is quiet."""
        self.check(0.2, 2.5)


class Blame(PeerTest):
    def test_one_core_for_both_is_never_valid(self):
        server = self.start(["taskset", "-c", "0", DRAGSTRIP, "serve", "--die-with-parent"])
        server.wait_listening()
        text = self.run_program("taskset", "-c", "0", DRAGSTRIP, "load", server.url(), "--row", "tcp", "--rate", "500", "--duration",
                                "1s", "--json", "-", code=None)
        record = json.loads(text)
        self.assertNotEqual(record["verdict"], "valid")
        self.assertIn("one_core", codes(record))

    def test_too_few_for_a_median(self):
        record = self.load(self.serve().url(), "tcp", "rpc", "--rate", "50")
        self.assertIn("samples", codes(record))
        self.assertNotEqual(record["verdict"], "valid")

    def test_a_backlog_that_is_too_short(self):
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        def answer(connection):
            with connection:
                while connection.recv(4096):
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

        def accept_slowly():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()
                time.sleep(0.03)  # twenty at once wait for it, where there is room for two

        threading.Thread(target=accept_slowly, daemon=True).start()
        record = self.load(f"http://127.0.0.1:{listener.getsockname()[1]}/x", "request/h1", "rpc", "--method", "GET", "--clients",
                           "20", "--rate", "300")
        self.assertGreater(record["surroundings"]["listen_overflows"], 0)
        self.assertIn("accept_queue", codes(record))
        self.assertNotEqual(record["verdict"], "valid")
        self.assertEqual(os.path.basename(record["target"]), "x")


if __name__ == "__main__":
    unittest.main()
