"""Every row with many channels at once over real sockets: nothing is lost.

With 100 channels here, with 1000 under the label slow.
"""
import unittest

from peers import PeerTest


class EveryRow(PeerTest):
    CLIENTS = 100

    def runs(self, verb, workload, *flags, server_flags=()):
        server = self.serve(*server_flags)
        rows = self.rows(verb)
        self.assertGreaterEqual(len(rows), 5)
        for row in rows:
            with self.subTest(row=row, workload=workload):
                record = self.load(server.url(), row, workload, "--clients", self.CLIENTS, "--arrival", "constant", *flags)
                self.assert_nothing_lost(record)
                self.assertEqual((record["row"], record["workload"], record["clients"]), (row, workload, self.CLIENTS))
                self.assertFalse([reason for reason in record["reasons"] if reason["code"] == "connect"])
                yield row, record

    def test_feed(self):
        """Ten messages in the window, each to everybody."""
        for _, record in self.runs("feed", "feed", "--rate", "5", "--duration", "2s"):
            self.assertEqual(record["deliveries"]["due"], 10 * self.CLIENTS)
            self.assertEqual(record["scheduled"], 10 * self.CLIENTS)

    def test_feed_from_several_workers(self):
        for _, record in self.runs("feed", "feed", "--rate", "5", "--threads", "2", server_flags=("--workers", "3")):
            self.assertEqual(record["deliveries"]["due"], 5 * self.CLIENTS)

    def test_rpc(self):
        for row, record in self.runs("rpc", "rpc", "--rate", "1000"):
            self.assertEqual(record["scheduled"], 1000)

    def test_chat(self):
        """Rooms of ten: each of the 100 messages reaches all ten of its room."""
        for _, record in self.runs("chat", "chat", "--room", "10", "--rate", "100"):
            self.assertEqual(record["publishes"]["scheduled"], 100)
            self.assertEqual(record["deliveries"]["due"], 1000)

    def test_connect(self):
        for _, record in self.runs(None, "connect", "--rate", "200"):
            self.assertEqual(record["scheduled"], 200)
            self.assertEqual(record["connect_ns"]["first_message"]["count"], 200)


class EveryRowByTheThousand(EveryRow):
    LABELS = "net;slow"
    CLIENTS = 1000


if __name__ == "__main__":
    unittest.main()
