"""A server that is ill in a known way, over real sockets, and what `dragstrip load` must say of it (docs/faults.md).

The exact figures are proved under a virtual clock (tests/matrix/oracle_test.cc). Here the program is held to the same ones: closely
in the slow form, which wants a machine with little else to do, and with room for a busy machine in the short one.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

from peers import DRAGSTRIP, MACHINE_REASONS, PATIENCE_S, PeerTest

NS_PER_MS = 1e6
AWAKE = pathlib.Path(__file__).parents[2] / "bench/peers/awake.py"


class FaultTest(PeerTest):
    def serve_ill(self, *specs, cpu=None):
        flags = [word for spec in specs for word in ("--fault", spec)]
        server = self.start([*self.on_cpu(cpu), DRAGSTRIP, "serve", "--die-with-parent", *flags])
        server.wait_listening()
        self.assertIn("faults are planted: " + " ".join(specs), server.stderr())
        return server

    def planted(self, server):
        """{what: how many}, as the server says when it is stopped."""
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0, server.stderr())
        line = re.search(r"planted: (\d.*)\n", server.stderr())
        self.assertIsNotNone(line, server.stderr())
        return {what: int(count) for count, what in re.findall(r"(\d+) ([a-z ]+)", line[1])}

    @staticmethod
    def on_cpu(cpu):
        return [] if cpu is None else ["taskset", "-c", cpu]

    def load_ill(self, server, row, workload, *flags, codes=(0, 4), cpu=None):
        """The record of a run, whatever its verdict, and the program's summary of faults in it."""
        path = tempfile.mktemp(dir=self.work, suffix=".json")
        done = subprocess.run([str(word) for word in (*self.on_cpu(cpu), DRAGSTRIP, "load", server.url(), "--row", row,
                                                      "--workload", workload, "--json", path, *flags)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=2 * PATIENCE_S,
                              check=False)
        record = json.loads(pathlib.Path(path).read_text())
        self.assertIn(done.returncode, codes, done.stderr)
        self.assert_books_close(record)
        reasons = {reason["code"]: reason["text"] for reason in record["reasons"]}
        self.assertIn("faults", reasons, "a run against planted faults must say so")
        self.assertNotEqual(record["verdict"], "valid")
        return record, set(reasons) - MACHINE_REASONS - {"faults"}

    def load_on_time(self, run):
        """The record of run(), once more (four times at most) while the machine kept the generator from being on time.

        What was wrong with the machine decides, never the figures."""
        for _ in range(4):
            record, others = run()
            self.assertEqual(others, set())
            if {reason["code"] for reason in record["reasons"]} == {"faults"}:
                break
        return record

    def keep_awake(self):
        """No CPU sleeps until the test ends."""
        for cpu in os.sched_getaffinity(0):
            self.start([sys.executable, "-B", AWAKE, cpu])

    def share_above(self, summary, limit_ms):
        """Percent of a summary's values in buckets wholly above the limit."""
        histogram = summary["histogram"]
        bits = histogram["sub_bucket_bits"]
        above = 0
        for index, count in histogram["counts"]:
            e = max(0, (index >> bits) - 1)
            lowest = (index - (e << bits)) << e
            above += count if lowest > limit_ms * NS_PER_MS else 0
        return 100 * above / summary["count"]

    def assert_figures(self, record, p95, p99, above, tolerance):
        """`tolerance`: of p95 and p99 in ms, of the share above 10 ms in points."""
        latency = record["latency_ns"]
        self.assertEqual(record["outcomes"]["ok"], record["scheduled"])
        text = f"{latency['p95']} {latency['p99']} {self.share_above(latency, 10)} slip {record['slip_ns']['p99']}"
        self.assertAlmostEqual(latency["p95"] / NS_PER_MS, p95, delta=tolerance[0], msg=text)
        if latency["p99"] is not None:
            self.assertAlmostEqual(latency["p99"] / NS_PER_MS, p99, delta=tolerance[1], msg=text)
        self.assertAlmostEqual(self.share_above(latency, 10), above, delta=tolerance[2], msg=text)


class StallOracle(FaultTest):
    """The short form: 4 s are 4,000 operations, of which 400 meet a stall."""
    FLAGS = ("--rate", "1000", "--warmup", "200ms", "-d", "4s", "--timeout", "60s")
    CLOSE = (12, 12, 3)

    def test_a_stall_on_request_h1(self):
        server = self.serve_ill("stall=100ms/1s")
        record = self.load_on_time(lambda: self.load_ill(server, "request/h1", "rpc", "--clients", "4", *self.FLAGS))
        self.assert_figures(record, 50, 91, 9.1, self.CLOSE)
        # Beside it the service time of the same run, which hides the stall.
        self.assertLess(self.share_above(record["service_ns"], 10), 4)
        self.assertGreaterEqual(self.planted(server)["stops"], 4)

    def test_a_late_publisher_on_sse_h1(self):
        server = self.serve_ill("late-publish=100ms/1s")
        record = self.load_on_time(lambda: self.load_ill(server, "sse/h1", "feed", "--clients", "2", *self.FLAGS))
        self.assert_figures(record, 50, 91, 9.1, self.CLOSE)


class FullStallOracle(FaultTest):
    """20 s on every row, with the tolerances of the oracle."""
    LABELS = "net;slow"
    FLAGS = ("--rate", "1000", "--warmup", "500ms", "-d", "20s")
    # A row that connects for each request takes a while to answer what a stall has kept waiting: at 1,000/s, and 6,000/s that it
    # can do, a sixth more is late. So fewer, for longer, and out of step with the stall; of two clients, since those in flight when
    # a stall begins have its time as service time, and may be no more than one in a hundred.
    SLOWLY = ("--rate", "247.3", "--arrival", "constant", "--warmup", "500ms", "-d", "42s")
    CLOSE = (6, 4, 0.7)

    def test_a_stall_on_every_row_of_requests(self):
        for row in self.rows("rpc"):
            with self.subTest(row=row):
                clients, flags = ("2", self.SLOWLY) if row.endswith("-close") else ("4", self.FLAGS)
                record = self.load_on_time(lambda: self.load_ill(self.serve_ill("stall=100ms/1s"), row, "rpc",
                                                                 "--clients", clients, *flags))
                self.assert_figures(record, 50, 91, 9.1, self.CLOSE)
                self.assertLess(record["service_ns"]["p99"] / NS_PER_MS, 5)

    def test_a_late_publisher_on_every_row_that_pushes(self):
        for row in self.rows("feed"):
            if row.startswith("short-poll"):
                continue  # its own interval is in the figures
            with self.subTest(row=row):
                record = self.load_on_time(lambda: self.load_ill(self.serve_ill("late-publish=100ms/1s"), row, "feed",
                                                                 "--clients", "1", *self.FLAGS))
                self.assert_figures(record, 50, 91, 9.1, self.CLOSE)

    def test_slow_requests_leave_p95_alone(self):
        """A server with slow requests and one without take turns of 10 ms, so that what the machine does is done to both.

        One request in a hundred is slow, so the p95 of all is the p96 of the others: some 8 % of the 20 % are spent before anybody
        has made a mistake. Hence turns, servers on one CPU and generators on another, neither of which sleeps; and five pairs, none
        left out, whose median decides."""
        self.keep_awake()
        cpus = sorted(os.sched_getaffinity(0))
        for row in ("request/h1", "request/h2", "websocket/h1"):
            with self.subTest(row=row):
                ratios = [self.slow_beside_quiet(row, seed, cpus[0], cpus[-1]) for seed in range(1, 6)]
                self.assertAlmostEqual(statistics.median(ratios), 1, delta=0.2, msg=str(ratios))

    def slow_beside_quiet(self, row, seed, server_cpu, load_cpu):
        """p95 with slow requests over p95 without; 50 blocks of a turn for each to warm up, and 400 that count."""
        slow, quiet = (self.serve_ill(spec, cpu=server_cpu) for spec in ("slow=1%:100ms", "stall=1us/1h"))  # as good as none
        flags = ("--clients", "20", "--rate", "1000", "--warmup", "1s", "-d", "8s", "--slices-begin", time.monotonic_ns() + 500_000_000)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(self.load_ill, server, row, "rpc", *flags, "--slices", f"10ms-1ms*450,{arm}/2,{seed}", cpu=load_cpu)
                    for arm, server in enumerate((slow, quiet))]
        (slow_record, others), (quiet_record, quiet_others) = (run.result() for run in runs)
        for server in (slow, quiet):
            self.planted(server)  # stops it
        self.assertEqual(others | quiet_others, set())
        self.assertGreater(self.share_above(slow_record["latency_ns"], 10), 0.7)
        slow_p95, quiet_p95 = slow_record["latency_ns"]["p95"], quiet_record["latency_ns"]["p95"]
        self.assertLess(slow_p95 / NS_PER_MS, 10, "samples were invented: back-filling makes this 90 ms")
        return slow_p95 / quiet_p95


class PlantedDamage(FaultTest):
    def test_every_feed_row_finds_exactly_what_was_planted(self):
        for row in self.rows("feed"):
            with self.subTest(row=row):
                server = self.serve_ill("drop=2%", "duplicate=2%", "swap=2%", "corrupt=2%")
                record, _ = self.load_ill(server, row, "feed", "--clients", "3", "--rate", "800", "--arrival", "constant",
                                          "--warmup", "0s", "-d", "250ms", "--timeout", "20s", codes=(3,))
                planted = self.planted(server)
                for kind in ("dropped", "duplicated", "swapped", "corrupted"):
                    self.assertGreater(planted[f"messages {kind}"], 0)
                found = record["deliveries"]
                self.assertEqual(found["lost"], 3 * (planted["messages dropped"] + planted["messages corrupted"]))
                self.assertEqual(found["duplicate"], 3 * planted["messages duplicated"])
                self.assertEqual(found["reordered"], 3 * planted["messages swapped"])
                self.assertEqual(found["corrupt"], 3 * planted["messages corrupted"])
                self.assertEqual(found["foreign"], 0)
                self.assertEqual(record["verdict"], "invalid")

    def test_one_message_is_enough_and_none_raises_no_alarm(self):
        server = self.serve_ill("drop=1/250")
        record, others = self.load_ill(server, "websocket/h1", "feed", "--clients", "1", "--rate", "400", "--arrival", "constant",
                                       "--warmup", "0s", "-d", "500ms", "--timeout", "20s", codes=(3,))
        planted = self.planted(server)["messages dropped"]
        self.assertIn(planted, (1, 2))  # of 200, and the seed decides
        self.assertEqual((record["deliveries"]["lost"], others), (planted, {"lost"}))
        server = self.serve_ill("drop=1/1000000000")
        record, others = self.load_ill(server, "websocket/h1", "feed", "--clients", "1", "--rate", "400", "--arrival", "constant",
                                       "--warmup", "0s", "-d", "500ms", "--timeout", "20s")
        self.assertEqual((record["deliveries"]["lost"], self.planted(server)["messages dropped"], others), (0, 0, set()))

    def test_damaged_answers_are_protocol_errors(self):
        for row in self.rows("rpc"):
            with self.subTest(row=row):
                server = self.serve_ill("corrupt=2%")
                record, others = self.load_ill(server, row, "rpc", "--clients", "4", "--rate", "400", "--warmup", "0s",
                                               "-d", "500ms", "--timeout", "60s")
                self.assertEqual(others, set())
                found = record["outcomes"]["protocol_error"]
                self.assertGreater(found, 0)
                self.assertEqual(found, self.planted(server)["answers corrupted"])
                self.assertEqual(record["outcomes"]["ok"], record["scheduled"] - found)

    def test_damage_in_a_chat_is_found(self):
        server = self.serve_ill("duplicate=2%")
        record, _ = self.load_ill(server, "sse/h1", "chat", "--clients", "4", "--room", "4", "--rate", "400", "--warmup", "0s",
                                  "-d", "500ms", "--timeout", "20s", codes=(3,))
        self.assertEqual(record["deliveries"]["duplicate"], 4 * self.planted(server)["messages duplicated"])

    def test_workers_harm_messages_once(self):
        server = self.start([DRAGSTRIP, "serve", "--die-with-parent", "--workers", "3", "--fault", "duplicate=2%"])
        server.wait_listening()
        record, _ = self.load_ill(server, "sse/h1", "feed", "--clients", "6", "--rate", "400", "--arrival", "constant",
                                  "--warmup", "0s", "-d", "500ms", "--timeout", "20s", codes=(3,))
        planted = self.planted(server)["messages duplicated"]
        self.assertGreater(planted, 0)
        self.assertEqual(record["deliveries"]["duplicate"], 6 * planted)


class PlantedFailures(FaultTest):
    def test_fast_failures_are_failures(self):
        for row, spec, outcome, planted in (("request/h1", "reset=50%", "reset", "requests reset"),
                                            ("request/h2", "reset=50%", "reset", "requests reset"),
                                            ("request/h1", "refuse=50%", "refused", "requests refused"),
                                            ("request/h2", "refuse=50%", "refused", "requests refused")):
            with self.subTest(row=row, spec=spec):
                server = self.serve_ill(spec)
                record, others = self.load_ill(server, row, "rpc", "--clients", "10", "--rate", "400", "--warmup", "0s", "-d",
                                               "500ms", "--timeout", "60s")
                self.assertEqual(others, set())
                self.assertEqual(record["outcomes"][outcome], self.planted(server)[planted])
                self.assertEqual(record["outcomes"]["ok"] + record["outcomes"][outcome], record["scheduled"])
                self.assertEqual(record["latency_ns"]["count"], record["outcomes"]["ok"])

    def test_a_server_that_is_stopped_loses_no_operation(self):
        """SIGSTOP until the run is over: what was due then is in the ledger, and the quantiles are lower bounds."""
        server = self.start([DRAGSTRIP, "serve", "--die-with-parent"])
        server.wait_listening()
        path = os.path.join(self.work, "stopped.json")
        run = self.start([DRAGSTRIP, "load", server.url(), "--row", "request/h1", "--clients", "4", "--rate", "400", "--arrival",
                          "constant", "--warmup", "0s", "-d", "2500ms", "--timeout", "1s", "--json", path])
        port = f":{server.address[1]:04X} "
        deadline = time.monotonic() + PATIENCE_S
        while True:  # until the run's own connections stand
            lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()
            if sum(port in line[:28] and line.split()[3] == "01" for line in lines) >= 4:
                break
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        time.sleep(0.5)
        server.signal(signal.SIGSTOP)
        self.assertIn(run.wait(), (0, 3, 4), run.stderr())
        record = json.loads(pathlib.Path(path).read_text())
        self.assert_books_close(record)
        self.assertEqual(record["scheduled"], 1000)
        unanswered = record["outcomes"]["timeout"] + record["outcomes"]["abandoned"]
        self.assertEqual(record["outcomes"]["ok"] + unanswered, 1000)
        self.assertGreater(unanswered, 100)
        self.assertEqual(record["latency_ns"]["count"], 1000)
        self.assertIn("p95", record["latency_ns"]["lower_bound"])
        self.assertGreaterEqual(record["latency_ns"]["p95"], 0.99e9)
        server.signal(signal.SIGCONT)

    def test_cpu_time_that_is_burnt_is_on_the_bill(self):
        cpu = []
        for specs in ((), ("burn=200us",)):
            server = self.serve_ill(*specs) if specs else self.serve()
            load = (lambda *a: self.load_ill(*a)[0]) if specs else (lambda s, *a: self.load(s.url(), *a))
            record = load(server, "request/h1", "rpc", "--clients", "4", "--rate", "500", "--warmup", "100ms", "--duration", "1s")
            cpu.append(record["cpu"]["server_ns_per_op"])
        self.assertAlmostEqual(cpu[1] - cpu[0], 200e3, delta=30e3)

    def test_a_slow_door_is_in_its_own_phase(self):
        server = self.serve_ill("connect-delay=ready:200ms")
        record, others = self.load_ill(server, "request/h1", "connect", "--rate", "50", "--clients", "50", "--warmup", "0s", "-d",
                                       "1s", "--timeout", "60s")
        self.assertEqual(others, set())
        self.assertGreaterEqual(record["connect_ns"]["ready"]["min"], 200e6)
        self.assertLess(record["connect_ns"]["tcp"]["p50"], 100e6)


class SlowHandshakes(FaultTest):
    """The device is made in a network namespace of the server's own; its clients are sent there."""
    OWN_NETWORK = ["unshare", "--map-root-user", "--net"]

    def setUp(self):
        super().setUp()
        if subprocess.run([*self.OWN_NETWORK, "test", "-w", "/dev/net/tun"], check=False, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no network namespaces or no /dev/net/tun here")

    def test_they_are_slow_and_nothing_else_is(self):
        server = self.start([*self.OWN_NETWORK, DRAGSTRIP, "serve", "--die-with-parent", "--fault", "connect-delay=tcp:200ms"])
        server.wait_listening()
        there = ["nsenter", "--target", str(server.pid), "--user", "--net", "--preserve-credentials"]

        def load(workload, *flags):
            path = tempfile.mktemp(dir=self.work, suffix=".json")
            done = subprocess.run([*there, DRAGSTRIP, "load", server.url(), "--allow-remote", "-r", "request/h1", "-w", workload,
                                   "--json", path, "--warmup", "0s", "-d", "1s", "--rate", "50", *flags], timeout=2 * PATIENCE_S,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
            self.assertIn(done.returncode, (0, 4), done.stderr)
            record = json.loads(pathlib.Path(path).read_text())
            self.assert_books_close(record)
            self.assertEqual(record["outcomes"]["ok"], record["scheduled"])
            return record
        connect = load("connect", "--clients", "50")["connect_ns"]
        self.assertGreaterEqual(connect["tcp"]["min"], 200e6)
        self.assertLess(connect["ready"]["min"], 400e6)
        self.assertLess(load("rpc", "--clients", "4")["latency_ns"]["p50"], 100e6)
        self.assertGreaterEqual(self.planted(server)["handshakes delayed"], 50 + 4)

    def test_without_the_right_to_a_device(self):
        """The parent's namespace is another user's there."""
        done = subprocess.run(["unshare", "--user", DRAGSTRIP, "serve", "--fault", "connect-delay=tcp:20ms"], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)
        self.assertIn("unshare --map-root-user --net", done.stderr)


class TheCommandLine(FaultTest):
    def test_a_wrong_spec_is_one_line(self):
        for spec, part in (("stal=100ms/1s", "did you mean 'stall'?"), ("stall=1s/1s", "shorter than PERIOD"),
                           ("connect-delay=tpc:20ms", "tcp:DELAY or ready:DELAY"), ("drop=2", "such as 1%")):
            with self.subTest(spec=spec):
                done = subprocess.run([DRAGSTRIP, "serve", "--fault", spec], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
                text = done.stderr.decode()
                self.assertEqual((done.returncode, done.stdout, text.count("\n")), (2, b"", 1), text)
                self.assertIn(part, text)

    def test_healthz_says_what_is_planted(self):
        server = self.serve_ill("stall=1ms/1h", "slow=1%:1ms")
        answer = json.loads(self.curl(server.url("/healthz")))
        self.assertEqual(answer["faults"], "stall=1ms/1h slow=1%:1ms")
        self.assertNotIn("faults", json.loads(self.curl(self.serve().url("/healthz"))))

    def test_a_sleeping_server_can_be_stopped(self):
        server = self.start([DRAGSTRIP, "serve", "--die-with-parent", "--fault", "freeze=1h@0"])
        server.wait_listening()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)

    def test_load_says_how_many_took_longer(self):
        text = self.run_program(DRAGSTRIP, "load", self.serve_ill("slow=100%:30ms").url(), "--row", "request/h1", "--rate", "100",
                                "--clients", "20", "--warmup", "0s", "-d", "300ms", "--above", "10ms", code=None).decode()
        self.assertRegex(text, r"\n  above +100\.000 % of \d+ took longer than 10ms\n")


if __name__ == "__main__":
    unittest.main()
