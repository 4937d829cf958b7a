"""Our load generator against servers that are not ours: nginx, nghttpd, python-websockets, a small SSE server."""
import unittest

from peers import DRAGSTRIP, PeerTest


class ForeignServers(PeerTest):
    def assert_measured(self, record):
        self.assert_nothing_lost(record)
        self.assertGreater(record["latency_ns"]["p50"], 0)
        self.assertEqual(record["latency_ns"]["count"], record["scheduled"])
        self.assertIsNone(record["memory"]["server_peak_bytes"])  # nobody told us the server's pid
        self.assertIsNone(record["cpu"]["server_ns_per_op"])

    def test_nginx_kept_alive(self):
        nginx = self.nginx()
        for flags in ([], ["--closed", "--clients", "4"], ["--method", "GET", "--threads", "2"]):
            with self.subTest(flags=flags):
                record = self.load(nginx.url("/x"), "request/h1", "rpc", *flags)
                self.assert_measured(record)
                self.assertEqual(record["mode"], "closed" if "--closed" in flags else "open")
                self.assertEqual(record["wire"]["connections_opened"], 0, "in the window")

    def test_nginx_a_connection_each(self):
        record = self.load(self.nginx().url("/x"), "request/h1-close", "rpc", "--rate", "200")
        self.assert_measured(record)
        self.assertGreaterEqual(record["wire"]["connections_opened"], record["scheduled"] // 2)

    def test_nginx_that_closes_after_a_hundred(self):
        nginx = self.nginx(http_lines="keepalive_requests 100;")
        record = self.load(nginx.url("/x"), "request/h1", "rpc", "--clients", "2", "--rate", "1000", "--arrival", "constant")
        self.assert_measured(record)
        # 1000 in the window, a hundred on a connection.
        self.assertGreaterEqual(record["wire"]["connections_opened"], 8)
        self.assertLessEqual(record["wire"]["connections_opened"], 14)

    def test_nginx_that_refuses(self):
        """Answers that are no 2xx are failures, and the run is the target's fault."""
        nginx = self.nginx(server_lines="location / { return 503; }")
        text = self.run_program(*self.command(nginx.url("/x"), "request/h1"), code=3, stderr_too=True).decode()
        self.assertIn("not one operation succeeded", text)

    def test_nghttpd(self):
        server = self.nghttpd()
        for flags in ([], ["--closed", "--clients", "8"], ["--channels-per-connection", "2"]):
            with self.subTest(flags=flags):
                record = self.load(server.url("/index.html"), "request/h2", "rpc", "--method", "GET", *flags)
                self.assert_measured(record)

    def test_nghttpd_that_allows_few_streams(self):
        record = self.load(self.nghttpd("-m", "3").url("/index.html"), "request/h2", "rpc", "--method", "GET",
                           "--clients", "20", "--rate", "500")
        self.assert_measured(record)

    def test_websocket_echo(self):
        server = self.python_server("websocket-echo")
        for flags in (["--rate", "200"], ["--closed", "--clients", "3"], ["--rate", "20", "--payload", "100000"]):
            with self.subTest(flags=flags):
                self.assert_measured(self.load(server.url("/any?x=1"), "websocket/h1", "rpc", *flags))

    def test_events_that_carry_no_clock(self):
        server = self.python_server("sse")
        record = self.load(server.url("/any"), "sse/h1", "feed", "--clients", "5")
        self.assert_nothing_lost(record)
        for name in ("latency_ns", "service_ns", "schedule_hash", "arrival", "offered_rate_per_s"):
            self.assertIsNone(record[name], name)
        # "1234\\nand more": what the event says, without the field names.
        self.assertEqual(record["goodput_bytes_per_s"] * record["duration_s"], 13 * record["outcomes"]["ok"])
        self.assertEqual(record["verdict"] == "valid", not record["reasons"])

    def test_connecting_to_others(self):
        for server, path, row in ((self.nginx(), "/x", "request/h1"), (self.python_server("sse"), "/x", "sse/h1"),
                                  (self.nghttpd(), "/index.html", "request/h2")):
            with self.subTest(row=row):
                record = self.load(server.url(path), row, "connect", "--rate", "50", "--method", "GET")
                self.assert_nothing_lost(record)
                phases = record["connect_ns"]
                for name in ("tcp", "ready", "first_message"):
                    self.assertEqual(phases[name]["count"], record["scheduled"])
                self.assertLessEqual(phases["tcp"]["p50"], phases["first_message"]["p50"])

    def test_a_server_of_another_protocol(self):
        """HTTP/2 and WebSocket rows on plain nginx: one line, exit 3, no hang."""
        nginx = self.nginx()
        for row in ("request/h2", "websocket/h1"):
            with self.subTest(row=row):
                text = self.run_program(*self.command(nginx.url("/x"), row), code=3, stderr_too=True).decode()
                self.assertRegex(text, r"dragstrip load: .* \[exit 3, target failed\]\n$")

    def command(self, url, row, *flags):
        return [DRAGSTRIP, "load", url, "--row", row, "--warmup", "0s", "--duration", "300ms", "--timeout", "2s", *flags]


if __name__ == "__main__":
    unittest.main()
