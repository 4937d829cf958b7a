"""Our generator and our server with a bad network between them: what is cut is resumed, what is damaged is noticed."""
import json
import subprocess
import unittest

from peers import DRAGSTRIP, PATIENCE_S, PeerTest


class BadNetwork(PeerTest):
    def test_cut_connections_lose_no_message(self):
        server = self.serve()
        for row in self.rows("feed"):
            with self.subTest(row=row):
                network = self.python_server("cut", server.address[1])
                record = self.load(network.url(), row, "feed", "--rate", "100", "--clients", "10", "--arrival", "constant")
                self.assert_nothing_lost(record)
                self.assertEqual(record["deliveries"]["due"], 1000)
                self.assertGreater(record["wire"]["connections_opened"], 0, "nothing was cut")

    def test_cut_requests_are_counted(self):
        server = self.serve()
        for row in ("tcp", "request/h1", "request/h2", "websocket/h1"):
            with self.subTest(row=row):
                network = self.python_server("cut", server.address[1])
                record = self.load(network.url(), row, "rpc", "--rate", "500", "--clients", "5", "--arrival", "constant")
                self.assertEqual(record["scheduled"], 500)
                self.assertGreater(record["outcomes"]["ok"], 250)
                self.assertGreater(record["outcomes"]["reset"], 0)
                seen = [record["outcomes"][name] for name in ("ok", "reset", "protocol_error")]
                self.assertEqual(sum(seen), 500)

    def test_turned_bits_are_the_targets_fault(self):
        server = self.serve()
        for row in ("tcp", "sse/h1", "http-stream/h1", "websocket/h1"):
            with self.subTest(row=row):
                network = self.python_server("flip", server.address[1])
                done = subprocess.run([DRAGSTRIP, "load", network.url(), "--row", row, "--workload", "feed",
                                       "--rate", "100", "--warmup", "100ms", "--duration", "1s", "--timeout", "2s", "--json", "-"],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
                record = json.loads(done.stdout)
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertGreater(record["deliveries"]["corrupt"], 0)
                self.assertEqual(record["verdict"], "invalid")
                self.assertIn("corrupt", [reason["code"] for reason in record["reasons"]])
                self.assert_books_close(record)


if __name__ == "__main__":
    unittest.main()
