"""Programs around a test: started, waited for by what they say, stopped by process id; never a fixed port.

PeerTest is the base of every test here. `serve`, `load` and `run` drive the program under test; `start` any other. What a test
starts is stopped when it ends, whatever happened. Every wait has a deadline far beyond what a busy machine needs, and waits
for something that happens (a line, an exit, a byte), never for time to pass.
"""
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

HOME = pathlib.Path(__file__).resolve().parents[2]
DRAGSTRIP = os.environ.get("DRAGSTRIP_BIN", str(HOME / "build/release/bin/dragstrip"))
BIN = pathlib.Path(DRAGSTRIP).parent
SLOW = bool(os.environ.get("DRAGSTRIP_SLOW"))
PATIENCE_S = 60
OUTCOMES = ["ok", "timeout", "refused", "reset", "protocol_error", "lagged", "lost", "abandoned"]
# What a busy machine may do to a run. A test of correctness accepts these reasons, and no other.
MACHINE_REASONS = {"late", "slip", "gap", "busy", "retransmits", "one_core", "arrivals", "drift", "pressure", "switches", "steal",
                   "accept_queue", "overloaded", "clock", "samples"}


class Process:
    """A program with its stdout on a pipe and its stderr in a file."""

    def __init__(self, argv, work, stdin=subprocess.DEVNULL, env=None):
        self.argv = [str(word) for word in argv]
        self.stderr_file = tempfile.NamedTemporaryFile(dir=work, prefix="stderr-", delete=False)
        self.popen = subprocess.Popen(self.argv, stdin=stdin, stdout=subprocess.PIPE, stderr=self.stderr_file, cwd=work,
                                      env={**os.environ, **(env or {})})
        self.buffer = b""
        self.ended = False  # stdout was closed
        self.address = None

    @property
    def pid(self):
        return self.popen.pid

    def stderr(self):
        return pathlib.Path(self.stderr_file.name).read_text(errors="replace")

    def _more(self, deadline):
        """Appends what comes next on stdout; False at its end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.popen.stdout, selectors.EVENT_READ)
            if not selector.select(max(0, deadline - time.monotonic())):
                raise AssertionError(f"{self.argv}: nothing more came; so far {self.buffer[-300:]!r}; {self.stderr()}")
        some = os.read(self.popen.stdout.fileno(), 1 << 16)
        self.buffer += some
        self.ended = not some
        return bool(some)

    def read(self, size):
        """Exactly `size` bytes of stdout."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.buffer) < size and self._more(deadline):
            pass
        got, self.buffer = self.buffer[:size], self.buffer[size:]
        return got

    def line(self):
        deadline = time.monotonic() + PATIENCE_S
        while b"\n" not in self.buffer and self._more(deadline):
            pass
        got, _, self.buffer = self.buffer.partition(b"\n")
        return got

    def rest(self):
        """All of stdout up to its end."""
        deadline = time.monotonic() + PATIENCE_S
        while self._more(deadline):
            pass
        got, self.buffer = self.buffer, b""
        return got

    def quiet(self):
        """True when nothing has come so far. Use after something that would have come later."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.popen.stdout, selectors.EVENT_READ)
            return not self.buffer and not selector.select(0)

    def wait_listening(self):
        # On loopback, or behind a device of its own (connect-delay=tcp).
        line = self.line().decode()
        match = re.fullmatch(r"listening (127\.0\.0\.1|198\.1[89]\.\d+\.2):(\d+)", line)
        if not match:
            raise AssertionError(f"{self.argv} said {line!r}; {self.stderr()}")
        self.address = (match[1], int(match[2]))

    @property
    def authority(self):
        return f"{self.address[0]}:{self.address[1]}"

    def url(self, path=""):
        return f"http://{self.authority}{path}"

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self):
        """The exit code. Reads what is still coming, so that a full pipe does not hold the program up."""
        while not self.ended and self._more(time.monotonic() + PATIENCE_S):
            pass
        return self.popen.wait(PATIENCE_S)

    def stop(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(PATIENCE_S)
        self.popen.stdout.close()
        self.stderr_file.close()


class PeerTest(unittest.TestCase):
    longMessage = True

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="dragstrip-peers-")
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)

    def start(self, argv, **options):
        process = Process(argv, self.work, **options)
        self.addCleanup(process.stop)
        return process

    def serve(self, *flags):
        """Our server. When the test ends it must be alive and stop with exit code 0, having said nothing."""
        server = self.start([DRAGSTRIP, "serve", "--die-with-parent", *flags])
        server.wait_listening()

        def stop_cleanly():
            if server.popen.poll() is None:
                server.signal(signal.SIGTERM)
            self.assertEqual((server.wait(), server.stderr()), (0, ""), "the server's exit code and stderr")

        self.addCleanup(stop_cleanly)
        return server

    def start_on_free_port(self, argv_of, **options):
        """For servers that cannot choose a port themselves: argv_of(port) -> argv.

        The port is bound here, without listening, until the server listens there: nobody else is given it meanwhile.
        (Linux lets a second socket bind it, since both have SO_REUSEADDR and neither listens yet.)
        """
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
            address = holder.getsockname()
            process = self.start(argv_of(address[1]), **options)
            deadline = time.monotonic() + PATIENCE_S
            while True:
                try:
                    socket.create_connection(address, PATIENCE_S).close()
                    break
                except ConnectionRefusedError:
                    if process.popen.poll() is not None or time.monotonic() > deadline:
                        raise AssertionError(f"{process.argv} does not listen: {process.stderr()}")
                    time.sleep(0.005)
        process.address = address
        return process

    def nginx(self, server_lines='location / { return 200 "hello, dragstrip\\n"; }',
              http_lines="keepalive_requests 1000000000;"):
        def argv(port):
            directory = tempfile.mkdtemp(dir=self.work, prefix="nginx-")
            path = pathlib.Path(directory, "nginx.conf")
            scratch = " ".join(f"{kind}_temp_path {directory}/{kind};"
                               for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            path.write_text(f"""
                daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;
                events {{ worker_connections 4096; }}
                http {{ access_log off; {scratch} {http_lines}
                        server {{ listen 127.0.0.1:{port} backlog=4096; {server_lines} }} }}""")
            return ["/usr/sbin/nginx", "-e", f"{directory}/error.log", "-p", directory, "-c", path]
        return self.start_on_free_port(argv)

    def nghttpd(self, *flags):
        root = pathlib.Path(self.work, "htdocs")
        root.mkdir()
        (root / "index.html").write_text("hello, dragstrip\n")
        return self.start_on_free_port(
            lambda port: ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", root, *flags, str(port)])

    def python_server(self, name, *flags):
        """One of foreign_servers.py."""
        server = self.start(["/usr/bin/python3", HOME / "tests/conformance/foreign_servers.py", name, *flags])
        server.wait_listening()
        return server

    def run_program(self, *argv, stdin=None, code=0, stderr_too=False):
        """Runs to the end; its stdout. `code` None: any."""
        done = subprocess.run([str(word) for word in argv], input=stdin, cwd=self.work, timeout=3 * PATIENCE_S, check=False,
                              stdin=subprocess.DEVNULL if stdin is None else None, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if code is not None:
            self.assertEqual(done.returncode, code, f"{argv}: {done.stdout[-3000:]!r} {done.stderr[-3000:]!r}")
        return done.stdout + done.stderr if stderr_too else done.stdout

    def curl(self, *flags, **options):
        return self.run_program("curl", "-sS", "--max-time", PATIENCE_S, *flags, **options)

    def rows(self, verb=None):
        """[(name, verbs)] of `dragstrip list rows`; only those with `verb`."""
        listed = []
        for line in self.run_program(DRAGSTRIP, "list", "rows").decode().splitlines():
            match = re.fullmatch(r"(\S+) +\S.* \[([a-z ]+); [^\]]+\]", line)
            self.assertIsNotNone(match, f"no row: {line!r}")
            listed.append((match[1], match[2].split()))
        return [name for name, verbs in listed if verb is None or verb in verbs]

    # ---------------------------------------------------------------------------------------- dragstrip load

    def load(self, url, row, workload="rpc", *flags):
        """One short run with patient timeouts; its record. Must exit with 0, or with 4 for the machine's sake."""
        path = pathlib.Path(tempfile.mktemp(dir=self.work, suffix=".json"))
        argv = [DRAGSTRIP, "load", url, "--row", row, "--workload", workload, "--json", path]
        for flag, value in (("--warmup", "100ms"), ("--duration", "1s"), ("--timeout", "60s")):
            if flag not in flags:
                argv += [flag, value]
        done = subprocess.run([str(word) for word in argv + list(flags)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=4 * PATIENCE_S, check=False)
        text = done.stderr.decode()
        self.assertIn(done.returncode, (0, 4), f"{argv}: {text}")
        record = json.loads(path.read_text())
        path.unlink()
        self.assertTrue(record["complete"], text)
        self.assertTrue({reason["code"] for reason in record["reasons"]} <= MACHINE_REASONS, record["reasons"])
        self.assertEqual(done.returncode == 4, record["verdict"] == "invalid", text)
        self.assert_books_close(record)
        return record

    def begun(self, server, *flags):
        """A load run of a minute that is under way: (process, path of its record)."""
        path = pathlib.Path(self.work, "run.json")
        run = self.start([DRAGSTRIP, "load", server.url(), "--rate", "500", "--warmup", "0s", "--duration", "60s",
                          "--timeout", "1s", "--json", path, *flags])
        return run, path

    def wait_until_busy(self, server, run):
        """Until the server has gone to sleep and been woken 200 times more: at 500 operations a second, the load is on."""
        def naps():
            return sum(int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.M)[1])
                       for status in pathlib.Path(f"/proc/{server.pid}/task").glob("*/status"))

        deadline = time.monotonic() + PATIENCE_S
        enough = naps() + 200
        while naps() < enough:
            self.assertIsNone(run.popen.poll(), run.stderr())
            self.assertLess(time.monotonic(), deadline, "the load did not begin")
            time.sleep(0.005)

    def assert_books_close(self, record):
        self.assertEqual(list(record["outcomes"]), OUTCOMES)
        self.assertEqual(record["scheduled"], sum(record["outcomes"].values()), record["outcomes"])
        for second in record["seconds"]:
            self.assertEqual(second["scheduled"], sum(second["outcomes"].values()), second)
        if record["duration_s"] > 0:
            for outcome, count in record["outcomes"].items():
                self.assertEqual(count, sum(second["outcomes"][outcome] for second in record["seconds"]), outcome)
        if record["publishes"]:
            self.assertEqual(record["publishes"]["scheduled"], sum(record["publishes"]["outcomes"].values()))

    def assert_nothing_lost(self, record):
        """Every operation ok; every delivery that was due came once, in order, unharmed."""
        self.assertGreater(record["scheduled"], 0)
        self.assertEqual(record["outcomes"], {**dict.fromkeys(OUTCOMES, 0), "ok": record["scheduled"]})
        if record["publishes"]:
            self.assertEqual(record["publishes"]["outcomes"]["ok"], record["publishes"]["scheduled"])
        if record["deliveries"]:
            due = record["deliveries"]["due"]
            self.assertGreater(due, 0)
            self.assertEqual(record["deliveries"],
                             {**dict.fromkeys(record["deliveries"], 0), "due": due, "unique": due})
