#!/usr/bin/env python3
"""Our generator against wrk and h2load, our rows against the tcp floor, and measuring against counting, in turn.

    bench/peers/peers.py [--rounds 7] [--seconds 2] [--only wrk|h2load|floor|instrumentation]... [--json FILE]

wrk and `dragstrip load` drive the same nginx (HTTP/1.1), h2load and `dragstrip load` the same nghttpd (HTTP/2), closed
loop, one generator thread, the server pinned to core 0 and the generator to core 1 where there are two. Each round runs
both tools once, in an order that alternates; what is printed is the median of the per-round ratios with the smallest and
the largest. Where both are ours (floor, instrumentation) they run at once and take turns of 10 ms, `--seconds` of them
each, on cores that are kept awake, so that a machine that changes its speed changes neither ratio. CPU is the generator
process's own user + system time (wait4), divided by the requests it finished. While doing so ours records full histograms
of every request; wrk and h2load sample.

Needs wrk, nghttp2-client, nghttp2-server, nginx-light (packages-test.txt) and a release build (./dragstrip setup).
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HOME = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("DRAGSTRIP_BIN", HOME / "build/release/bin/dragstrip"))
AWAKE = pathlib.Path(__file__).with_name("awake.py")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]

# Why a run may be invalid here: the generator set the pace of the loop, and how fast it is is the question.
PACE = {"late", "slip", "gap", "busy", "drift", "samples", "pressure", "switches", "steal", "count_only"}

NGINX_CONF = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; tcp_nodelay on; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "hello, dragstrip\\n"; }} }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def wait_for_port(port, process):
    for _ in range(500):
        if process.poll() is not None:
            sys.exit(f"peers: {process.args[0]} ended with {process.returncode} before it listened")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit(f"peers: {process.args[0]} does not listen on {port}")


class Server:
    """A process pinned to the server's core, ended by its id."""

    def __init__(self, argv, port):
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=pinned(SERVER_CORE))
        try:
            wait_for_port(port, self.process)
        except SystemExit:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def timed(argv, codes=(0,)):
    """Output and CPU seconds of a command on the generator's core."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, preexec_fn=pinned(LOAD_CORE))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode not in codes:
        sys.exit(f"peers: {' '.join(map(str, argv))} failed ({process.returncode}): {text.strip()[-400:]}")
    return text, usage.ru_utime + usage.ru_stime


def ours(url, row, clients, seconds, extra=()):
    argv = [PROGRAM, "load", url, "--workload", "rpc", "--row", row, "--closed", "--clients", str(clients), "--threads",
            "1", "--warmup", "0", "--duration", f"{seconds}s", "--json", "-", *extra]
    text, cpu = timed(argv, codes=(0, 4))
    record, _ = json.JSONDecoder().raw_decode(text, text.index("{"))  # what it says of the verdict may stand around it
    reasons = {reason["code"] for reason in record["reasons"]}
    if record["verdict"] == "invalid" and not reasons <= PACE:
        sys.exit(f"peers: {row}: {record['reasons']}")
    done = record["outcomes"]["ok"]
    if done == 0 or done != record["scheduled"]:
        sys.exit(f"peers: {row}: {record['outcomes']} of {record['scheduled']}")
    return {"per_s": record["throughput_per_s"], "cpu_ns": cpu * 1e9 / done}


def wrk(url, clients, seconds):
    text, cpu = timed(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", url])
    done = int(re.search(r"(\d+) requests in", text).group(1))
    return {"per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), "cpu_ns": cpu * 1e9 / done}


def h2load(url, connections, streams, seconds):
    text, cpu = timed(["h2load", "-t1", f"-c{connections}", f"-m{streams}", "-D", str(seconds), url])
    done = int(re.search(r"(\d+) succeeded", text).group(1))
    return {"per_s": float(re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", text).group(1)),
            "cpu_ns": cpu * 1e9 / done}


def alternate(rounds, first, second):
    """Per-round pairs; the order flips so that drift helps neither."""
    pairs = []
    for i in range(rounds):
        if i % 2 == 0:
            a = first()
            b = second()
        else:
            b = second()
            a = first()
        pairs.append((a, b))
    return pairs


SLICE_S = 0.01
SETUP_S = 0.3  # to start and connect, before the first turn


@contextlib.contextmanager
def kept_awake():
    """The first request of a turn finds its cores awake."""
    programs = [subprocess.Popen([sys.executable, "-B", AWAKE, str(core)]) for core in CORES]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def in_turns(options, url, clients, first, second):
    """Pairs of runs of ours that take turns; first and second are (row, more flags)."""
    pairs = []
    blocks = max(1, round(options.seconds / SLICE_S))
    with kept_awake(), concurrent.futures.ThreadPoolExecutor(2) as pool:
        for seed in range(1, options.rounds + 1):
            begin = ["--slices-begin", str(time.monotonic_ns() + int(SETUP_S * 1e9))]
            runs = [pool.submit(ours, url, row, clients, 2 * options.seconds,
                                [*extra, *begin, "--slices", f"10ms-1ms*{blocks},{arm}/2,{seed}"])
                    for arm, (row, extra) in enumerate((first, second))]
            pairs.append(tuple(run.result() for run in runs))
    return pairs


def summary(name, pairs):
    row = {"comparison": name, "rounds": len(pairs)}
    for key in ("per_s", "cpu_ns"):
        ratios = sorted(a[key] / b[key] for a, b in pairs)
        row[key] = {"median": statistics.median(ratios), "min": ratios[0], "max": ratios[-1]}
    return row


def show(row):
    def text(r):
        return f"{r['median']:5.2f}  ({r['min']:.2f} .. {r['max']:.2f})"
    print(f"{row['comparison']:<40} {text(row['per_s']):>22} {text(row['cpu_ns']):>22}", flush=True)


def compare_wrk(options, workdir):
    port = free_port()
    conf = workdir / "nginx.conf"
    conf.write_text(NGINX_CONF.format(dir=workdir, port=port))
    url = f"http://127.0.0.1:{port}/hello"
    nginx = "/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx"
    with Server([nginx, "-p", str(workdir), "-c", str(conf), "-e", str(workdir / "error.log")], port):
        for clients in (1, 16, 64):
            pairs = alternate(options.rounds, lambda: ours(url, "request/h1", clients, options.seconds, ["--method", "GET"]),
                              lambda: wrk(url, clients, options.seconds))
            yield summary(f"request/h1 : wrk, nginx, {clients} conns", pairs)


def compare_h2load(options, workdir):
    port = free_port()
    (workdir / "hello").write_text("hello, dragstrip\n")
    url = f"http://127.0.0.1:{port}/hello"
    with Server(["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", str(workdir), str(port)], port):
        for connections, streams in ((1, 1), (1, 32), (4, 32)):
            clients = connections * streams
            pairs = alternate(
                options.rounds,
                lambda: ours(url, "request/h2", clients, options.seconds,
                             ["--method", "GET", "--channels-per-connection", str(streams)]),
                lambda: h2load(url, connections, streams, options.seconds))
            yield summary(f"request/h2 : h2load, nghttpd, {connections} x {streams}", pairs)


def compare_floor(options, _workdir):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Server([PROGRAM, "serve", "--listen", f"127.0.0.1:{port}"], port):
        for clients in (1, 64):
            for row in ("websocket/h1", "request/h1", "request/h2"):
                pairs = in_turns(options, url, clients, (row, []), ("tcp", []))
                yield summary(f"{row} : tcp, {clients} clients", pairs)


def compare_instrumentation(options, _workdir):
    """What measuring costs: everything is recorded and checked, against counting outcomes only."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Server([PROGRAM, "serve", "--listen", f"127.0.0.1:{port}"], port):
        for row, clients in (("request/h1", 1), ("request/h1", 64), ("request/h2", 64), ("websocket/h1", 64), ("tcp", 64)):
            pairs = in_turns(options, url, clients, (row, []), (row, ["--count-only"]))
            yield summary(f"{row} measured : counted, {clients} clients", pairs)


COMPARISONS = {"wrk": compare_wrk, "h2load": compare_h2load, "floor": compare_floor,
               "instrumentation": compare_instrumentation}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--only", choices=COMPARISONS, action="append")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if not PROGRAM.exists():
        sys.exit("peers: no release build; run ./dragstrip setup")
    rows = []
    print(f"{'ours : peer':<40} {'throughput ratio':>22} {'CPU/request ratio':>22}")
    for name in options.only or COMPARISONS:
        with tempfile.TemporaryDirectory() as workdir:
            for row in COMPARISONS[name](options, pathlib.Path(workdir)):
                rows.append(row)
                show(row)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
