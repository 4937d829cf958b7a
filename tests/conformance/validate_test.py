"""`dragstrip validate` and `dragstrip relay`, the real programs over real sockets."""
import json
import pathlib
import re
import signal
import subprocess
import time
import unittest

from jsonschema import Draft202012Validator

from peers import DRAGSTRIP, PATIENCE_S, PeerTest
from sockets import Wire

HOME = pathlib.Path(__file__).resolve().parents[2]


class Validation(PeerTest):
    def validate(self, *flags, patience=PATIENCE_S * 10):
        return subprocess.run([DRAGSTRIP, "validate", *flags], cwd=self.work, timeout=patience, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def fits_the_schema(self, document):
        schema = json.loads((HOME / "results" / "validate.schema.json").read_text())
        Draft202012Validator(schema).validate(document)
        verdicts = [check["verdict"] for check in document["checks"]]
        for verdict, count in (("pass", "passed"), ("fail", "failed"), ("skipped", "skipped")):
            self.assertEqual(verdicts.count(verdict), document[count])


class Exact(Validation):
    def test_bytes_and_counts_are_exact(self):
        done = self.validate("--only", "V1,V8", "--where", "sockets", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.fits_the_schema(document)
        self.assertEqual(document["failed"], 0)
        self.assertTrue(document["complete"])
        for n in (16, 100, 126, 1024, 16384, 65536):
            rows = {check["cell"].split(" n=")[0] for check in document["checks"]
                    if check["cell"].endswith(f" n={n}") and check["verdict"] == "pass"}
            self.assertLessEqual({"websocket/h1 down", "websocket/h1 up", "http-stream/h1", "http-stream/h2", "sse/h1", "sse/h2",
                                  "sse/h1 without id", "sse/h2 without id", "long-poll/h1 k=1", "request/h1 echo"}, rows)
        skipped = [check for check in document["checks"] if check["verdict"] == "skipped"]
        self.assertTrue(all(check["reason"] and check["measured"] is None for check in skipped))

    def test_a_planted_byte_is_found(self):
        done = self.validate("--only", "V1", "--where", "sockets", "--plant", "byte", "--out", "planted")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertRegex(done.stderr, r"\ndragstrip validate: \d+ of \d+ checks failed, first V1 [^\n]+ \[exit 4, invalid\]\n\Z")
        document = json.loads((pathlib.Path(self.work) / "planted" / "validate.json").read_text())
        self.fits_the_schema(document)
        self.assertEqual(document["passed"], 0)
        self.assertTrue(document["planted_fault"])
        self.assertIn("FAIL", done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)

    def test_a_slow_relay_is_found(self):
        # A fifth where a tenth is allowed: a busy machine may have a check skipped, and never has it pass.
        done = self.validate("--only", "V5", "--where", "sockets", "--quick", "--plant", "relay", "--format", "json")
        self.assertEqual(done.returncode, 4, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["passed"], 0, done.stdout)
        slopes = [check["measured"] for check in document["checks"] if check["measured"] is not None]
        self.assertGreater(min(slopes, default=2), 1.15)

    def test_what_was_never_judged_does_not_agree(self):
        done = self.validate("--only", "V7", "--where", "sim")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertRegex(done.stderr, r"none of \d+ checks could be judged, the first because: [^\n]+ \[exit 4, invalid\]\n\Z")

    def test_what_users_get_wrong(self):
        for flags, says in ((["--only", "V9"], "unknown validation 'V9'"), (["--where", "here"], "--where here: sim, sockets"),
                            (["--format", "xml"], "--format xml: table or json"), (["--plant", "x"], "--plant x: byte or relay"),
                            (["--quick", "--long"], "--quick"), (["--ot", "x"], "did you mean '--out'")):
            done = self.validate(*flags)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertEqual(done.stdout, "")
        done = self.validate("--only", "V1", "--where", "sim", "--out", "/proc/nothing")
        self.assertEqual(done.returncode, 5, done.stderr)

    def test_an_interrupt_keeps_what_was_compared(self):
        process = subprocess.Popen([DRAGSTRIP, "validate", "--where", "sockets", "--only", "V1,V2", "--format", "json"],
                                   cwd=self.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        try:
            while "V2" not in process.stderr.readline():
                pass
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
            process.wait()
        self.assertEqual(process.returncode, 130, err)
        document = json.loads(out)
        self.fits_the_schema(document)
        self.assertFalse(document["complete"])
        self.assertGreater(document["passed"], 50)


class Relayed(PeerTest):
    def relay(self, *flags):
        process = subprocess.Popen([DRAGSTRIP, "relay", *map(str, flags)], cwd=self.work, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        host, port = re.fullmatch(r"listening (.+):(\d+)\n", process.stdout.readline()).groups()
        return process, (host, int(port))

    def test_delays_counts_and_hands_the_fin_on(self):
        server = self.serve()
        process, address = self.relay("--to", server.authority, "--delay", "40ms")
        request = b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"
        with Wire(address) as wire:
            begun = time.monotonic()
            wire.send(request)
            _, _, body = wire.answer()
            took = time.monotonic() - begun
            self.assertEqual(body, b"hello")
            self.assertGreaterEqual(took, 0.080)
            wire.socket.shutdown(1)
            self.assertEqual(wire.rest(), b"")
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
        self.assertRegex(said, rf"\Arelayed up={len(request)} up_out={len(request)} down=(\d+) down_out=\1 connections=1 ")
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_cuts_idle_connections(self):
        process, address = self.relay("--to", self.serve().authority, "--cut-idle", "300ms")
        with Wire(address) as wire:
            self.assertEqual(wire.rest(), b"")
        process.send_signal(signal.SIGTERM)
        self.assertIn(" cut=1", process.stdout.read())

    def test_what_users_get_wrong(self):
        for flags, says in (([], "--to is required"), (["--to", "127.0.0.1"], "--to '127.0.0.1' is not an address"),
                            (["--to", "192.0.2.1:80"], "--allow-remote"), (["--to", "[::1]:80", "--delay", "5"], "--delay 5: a duration"),
                            (["--to", "[::1]:80", "--rate", "fast"], "--rate fast"), (["--to", "[::1]:80", "--buffer", "9"], "--buffer 9"),
                            (["--to", "[::1]:80", "--dealy", "5ms"], "did you mean '--delay'")):
            done = subprocess.run([DRAGSTRIP, "relay", *flags], timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(says, done.stderr)


class Whole(Validation):
    LABELS = "slow"

    def test_quick_agrees_on_both_tracks(self):
        done = self.validate("--quick", "--format", "json", patience=400)
        document = json.loads(done.stdout)
        self.fits_the_schema(document)
        failed = [check for check in document["checks"] if check["verdict"] == "fail"]
        self.assertEqual((done.returncode, failed), (0, []), done.stderr)
        for where in ("sim", "sockets"):
            passed = {check["validation"] for check in document["checks"] if (check["where"], check["verdict"]) == (where, "pass")}
            self.assertLessEqual({"V1", "V5", "V8"}, passed)

    def test_the_fan_out_is_linear(self):
        done = self.validate("--only", "V7", "--where", "sockets", "--format", "json", patience=400)
        judged = "none of 1 checks could be judged, the first because: the machine" not in done.stderr
        self.assertEqual(done.returncode, 0 if judged else 4, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
