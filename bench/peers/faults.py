#!/usr/bin/env python3
"""What load tools say when something goes wrong: ours beside wrk, h2load, hey and autocannon, those that are installed.

    bench/peers/faults.py [--only kill|stop|descriptors|interrupt]... [--json FILE]

Each tool loads a fresh nginx (nghttpd for h2load) for some seconds, and
  kill         the server is killed with SIGKILL after a third
  stop         the server is stopped with SIGSTOP after a third, and never goes on
  descriptors  the tool may have 40 descriptors and is asked for 100 connections
  interrupt    the tool gets SIGINT after a third
For each: the exit code, how long the tool went on after the fault, and what it said, in its own words. A tool that still runs
ten seconds after its planned end is killed and called "hangs". Nothing here is a benchmark: the figures differ from run to run,
what matters is whether they are marked.

Needs wrk, nghttp2-client, nghttp2-server, nginx-light (packages-test.txt) and a release build (./dragstrip setup).
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import peers  # noqa: E402  (beside this file)

SECONDS = 3
GRACE_S = 10
FAULTS = ("kill", "stop", "descriptors", "interrupt")


def ours(url, h2):
    row = ["request/h2", "--channels-per-connection", "1"] if h2 else ["request/h1"]
    return [peers.PROGRAM, "load", url, "--method", "GET", "-c", "100", "--rate", "5000", "--warmup", "0s", "--timeout", "1s",
            "--duration", f"{SECONDS}s", "-r", *row]


# name -> (command of a URL, whether it speaks HTTP/2)
TOOLS = {
    "dragstrip": (lambda url: ours(url, False), False),
    "dragstrip h2": (lambda url: ours(url, True), True),
    "wrk": (lambda url: ["wrk", "-t1", "-c100", f"-d{SECONDS}s", "--timeout", "1s", url], False),
    "h2load": (lambda url: ["h2load", "-t1", "-c100", "-m1", "-D", str(SECONDS), url], True),
    "hey": (lambda url: ["hey", "-c", "100", "-z", f"{SECONDS}s", "-t", "1", url], False),
    "autocannon": (lambda url: ["autocannon", "-c", "100", "-d", str(SECONDS), "-t", "1", url], False),
}
INTERESTING = re.compile(r"requests in|Requests/sec|Socket errors|Non-2xx|^requests:|finished in|succeeded|errors|Status code|"
                         r"\[\d+\]|^ *outcomes|\[exit|connection refused|timeout|Too many|unable", re.I)


def start_server(h2, workdir):
    port = peers.free_port()
    if h2:
        (workdir / "hello").write_text("hello, dragstrip\n")
        argv = ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", str(workdir), str(port)]
    else:
        conf = workdir / "nginx.conf"
        conf.write_text(peers.NGINX_CONF.format(dir=workdir, port=port).replace("daemon off;", "daemon off; master_process off;"))
        nginx = "/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx"
        argv = [nginx, "-p", str(workdir), "-c", str(conf), "-e", str(workdir / "error.log")]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        peers.wait_for_port(port, server)
    except SystemExit:
        server.kill()
        server.wait()
        raise
    return server, f"http://127.0.0.1:{port}/hello"


def said(text):
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.replace("\r", "\n").splitlines() if INTERESTING.search(line)]
    return "; ".join(lines)[:400] or "nothing"


def try_one(fault, command, h2):
    with tempfile.TemporaryDirectory() as name:
        server, url = start_server(h2, pathlib.Path(name))
        try:
            argv = [str(word) for word in command(url)]
            if fault == "descriptors":
                argv = ["/bin/sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *argv]
            with tempfile.TemporaryFile("w+") as out:
                began = time.monotonic()
                tool = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
                if fault != "descriptors":
                    time.sleep(SECONDS / 3)
                    victim = tool if fault == "interrupt" else server
                    victim.send_signal({"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "interrupt": signal.SIGINT}[fault])
                    began = time.monotonic()
                try:
                    code = tool.wait(SECONDS + GRACE_S)
                    end = f"exit {code}" if code >= 0 else f"killed by signal {-code}"
                except subprocess.TimeoutExpired:
                    tool.kill()
                    tool.wait()
                    end = "hangs"
                after = time.monotonic() - began
                out.seek(0)
                return {"end": end, "after_s": round(after, 2), "said": said(out.read())}
        finally:
            server.kill()  # a stopped process is killed all the same
            server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=FAULTS, action="append")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if not peers.PROGRAM.exists():
        sys.exit("faults: no release build; run ./dragstrip setup")
    rows = []
    print("| fault | tool | end | after the fault | in its own words |\n|---|---|---|---|---|", flush=True)
    for fault in options.only or FAULTS:
        for name, (command, h2) in TOOLS.items():
            if shutil.which(str(command("")[0])) is None:
                continue
            row = {"fault": fault, "tool": name, **try_one(fault, command, h2)}
            rows.append(row)
            print(f"| {fault} | {name} | {row['end']} | {row['after_s']} s | {row['said'].replace('|', '/')} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
