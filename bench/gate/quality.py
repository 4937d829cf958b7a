#!/usr/bin/env python3
"""How good is the gate? Figures from recordings (gate.json) of equal builds, for docs/gate-quality.md.

  quality.py aa --dragstrip BIN --gates 10 --out DIR [--suite FILE] [-- FLAGS OF GATE]   whole gates of BIN against itself
  quality.py plants --planted BIN --out DIR [--dragstrip BIN] [--only NAME,...] [--all] [--suite FILE] [-- FLAGS OF GATE]
                                           a gate for each planted regression: is it caught, and in the right rows?
  quality.py sd DIR/*/gate.json            deviation of a pair's log ratio, per metric; what pairing gains
  quality.py rules DIR/*/gate.json         false alarms and power of common rules and ours, on the same values
  quality.py power DIR/*/gate.json --dragstrip BIN      ours, redrawn: false alarms and the power curve

Only aa and plants measure anything; both go on where they were: a gate whose gate.json is there is not made again. The others
read files; their random draws are seeded. A BIN of plants is `cmake --preset plants && cmake --build --preset plants`; what a plant
is and where it has to show stands in tests/bench/counters/plants.json.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import json
import math
import os
import pathlib
import random
import shlex
import statistics
import subprocess
import sys
import time

HOME = pathlib.Path(__file__).resolve().parents[2]
CATALOGUE = HOME / "tests/bench/counters/plants.json"
SMALL_SUITE = HOME / "bench/suites/gate-small.toml"


def recordings(paths):
    for path in paths:
        yield path, json.loads(pathlib.Path(path).read_text())["recording"]


def judged(recording, cell):
    """Indices of the metrics of a cell that decide something."""
    return [i for i, m in enumerate(recording["cells"][cell]["metrics"]) if m["role"] != "shown"]


def pairs_of(recording):
    for pair in recording["pairs"]:
        if pair["stage"] > 0 and pair["arm"] == "head" and not pair["dropped"]:
            yield pair


def by_metric(recording):
    """(cell, metric) -> list of (first, second) values in the order in which they were measured, and log ratios."""
    found = collections.OrderedDict()
    for pair in pairs_of(recording):
        for i in judged(recording, pair["cell"]):
            base, other = pair["base"][i], pair["other"][i]
            if base is None or other is None:
                continue
            ordered = (base, other) if pair["first"] == "base" else (other, base)
            found.setdefault((pair["cell"], i), []).append((ordered, math.log(other / base)))
    return found


def run_gate(program, base, head, out, rest):
    """The gate.json of that folder, and the seconds it took: made now unless it is there. Ends where going on makes no sense."""
    file, took = out / "gate.json", out / "took_s"
    if not file.exists():
        out.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        end = subprocess.run([program, "gate", "--base", base, "--head", head, "--out", str(out), "--quiet", *rest],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if end.returncode in (2, 130) or not file.exists():
            file.unlink(missing_ok=True)  # cut short: it is to be made again
            sys.exit(f"{end.stderr.strip() or 'the gate wrote nothing'} (in {out})")
        took.write_text(f"{time.monotonic() - began:.0f}\n")
    return json.loads(file.read_text()), float(took.read_text()) if took.exists() else math.nan


def aa(args, rest):
    codes = collections.Counter()
    for number in range(args.gates):
        document, took = run_gate(args.dragstrip, args.dragstrip, args.dragstrip, pathlib.Path(args.out) / f"{number:03d}",
                                  ["--suite", args.suite, "--seed", str(number + 1), *rest])
        codes[document["exit_code"]] += 1
        print(f"gate {number + 1}: exit {document['exit_code']}, {took:.0f} s: {document['headline'][:150]}", flush=True)
    print("exit codes:", dict(sorted(codes.items())), "alarms (exit 1):", codes[1], "of", args.gates)


def planted_build(folder, program, plant, width):
    """A build that is `program` with that plant ("": none). Environments are equally long, as the gate's paths are."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "dragstrip"
    pad = "x" * (width - len(plant))
    script.write_text(f"#!/bin/sh\nDRAGSTRIP_PLANT={shlex.quote(plant)} DRAGSTRIP_PAD={pad} exec {shlex.quote(program)} \"$@\"\n")
    script.chmod(0o755)
    return str(script)


def chosen_plants(args):
    catalogue = {entry["plant"]: entry for entry in json.loads(CATALOGUE.read_text())["plants"]}
    if not args.only:
        return [entry for entry in catalogue.values() if args.all or entry["timed"]]
    names = args.only.split(",")
    for name in names:
        if name not in catalogue:
            sys.exit(f"--only {name}: no such plant; there are {', '.join(catalogue)}")
    return [catalogue[name] for name in names]


def plants(args, rest):
    """What the timed lane makes of each plant; the counters, which need no clock, are left to plants_test."""
    out, program = pathlib.Path(args.out).resolve(), str(pathlib.Path(args.planted).resolve())
    if not os.access(program, os.X_OK):
        sys.exit(f"--planted {args.planted}: there is no such program")
    chosen = chosen_plants(args)
    width = max(len(entry["plant"]) for entry in json.loads(CATALOGUE.read_text())["plants"])
    asked = subprocess.run([program, "counters", "--no-net", "--row", "tcp"], env={**os.environ, "DRAGSTRIP_PLANT": "no_such"},
                           check=False, capture_output=True, text=True)
    if "no such plant" not in asked.stderr:
        sys.exit(f"--planted {program} knows no plants; it is built by: cmake --preset plants && cmake --build --preset plants")
    print(f"{'plant':<24}{'verdict':<12}{'right cells':>12}{'wrong':>7}{'min':>6}  blamed")
    counts = collections.Counter()
    for entry in chosen:
        where = out / entry["plant"].replace(":", "-")
        base = planted_build(where / "builds/base", program, "", width)
        head = planted_build(where / "builds/head", program, entry["plant"], width)
        document, took = run_gate(args.dragstrip or program, base, head, where,
                                  ["--suite", args.suite, "--no-counters", *rest])
        judged_cells = {m["cell"]: m["row"] for m in document["metrics"] if m["role"] != "shown"}
        right = {cell for cell, row in judged_cells.items() if any(fnmatch.fnmatchcase(row, p) for p in entry["rows"])}
        blamed = collections.OrderedDict(
            (m["cell"], f"{m['metric']} {100 * m['worse_by']:+.0f} %") for m in document["metrics"] if m["verdict"] == "regression")
        hit, wrong = [c for c in blamed if c in right], [c for c in blamed if c not in right]
        if not right:
            verdict = "no such row"
        elif document["exit_code"] in (0, 1):
            verdict = "CAUGHT" if hit and document["exit_code"] == 1 else "missed"
        else:
            verdict = f"exit {document['exit_code']}"
        counts[verdict] += 1
        counts["blamed"] += len(blamed)
        counts["wrong"] += len(wrong)
        print(f"{entry['plant']:<24}{verdict:<12}{len(hit):>7} of {len(right):<2}{len(wrong):>7}{took / 60:>6.1f}  "
              f"{'; '.join(f'{cell} {what}' for cell, what in blamed.items()) or document['headline'][:110]}", flush=True)
    able = sum(counts[v] for v in counts if v not in ("blamed", "wrong", "no such row"))
    print(f"{counts['CAUGHT']} of {able} caught, {counts['missed']} missed, {able - counts['CAUGHT'] - counts['missed']} without a "
          f"verdict; of {counts['blamed']} blamed cells {counts['wrong']} had no plant in them")


def sd(args):
    pool = collections.OrderedDict()
    sequential = collections.defaultdict(list)
    apart = collections.defaultdict(list)
    for _, recording in recordings(args.files):
        for (cell, metric), entries in by_metric(recording).items():
            key = (recording["cells"][cell]["id"], recording["cells"][cell]["metrics"][metric]["label"])
            pool.setdefault(key, []).extend(y for _, y in entries)
            # The same values as blocks would have met them: the first half of the runs against the second.
            runs = [value for values, _ in entries for value in values]
            half = len(runs) // 2
            # And as runs that are not side by side: the first of a pair against the second of the next.
            apart[key].extend(math.log(later[1] / earlier[0]) for (earlier, _), (later, _) in zip(entries, entries[1:]))
            if half > 1:
                sequential[key].append(
                    statistics.fmean(map(math.log, runs[half:])) - statistics.fmean(map(math.log, runs[:half])))
    print(f"{'cell':<44}{'metric':<14}{'pairs':>6}{'SD of a pair':>14}{'error of 10':>13}{'of blocks':>11}{'SD apart':>11}")
    for (cell, metric), ys in pool.items():
        if len(ys) < 3:
            continue
        s = statistics.stdev(ys)
        blocks = sequential[(cell, metric)]
        spread = math.sqrt(statistics.fmean(b * b for b in blocks)) if blocks else math.nan
        print(f"{cell[:43]:<44}{metric:<14}{len(ys):>6}{100 * s:>12.2f} %{100 * s / math.sqrt(10):>11.2f} %"
              f"{100 * spread:>9.2f} %{100 * statistics.stdev(apart[(cell, metric)]):>9.2f} %")


def normal_tail(z):
    return math.erfc(z / math.sqrt(2)) / 2


def u_test(a, b):
    """Two-sided p of Mann and Whitney, normal approximation with ties, as most tools compute it."""
    pooled = sorted([(v, 0) for v in a] + [(v, 1) for v in b])
    ties, i = 0.0, 0
    rank_sum = 0.0
    while i < len(pooled):
        j = i
        while j < len(pooled) and pooled[j][0] == pooled[i][0]:
            j += 1
        middle = (i + j + 1) / 2
        rank_sum += middle * sum(1 for k in range(i, j) if pooled[k][1] == 1)
        ties += (j - i) ** 3 - (j - i)
        i = j
    n, m = len(a), len(b)
    total = n + m
    mean = m * (total + 1) / 2
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    return 1.0 if variance <= 0 else min(1.0, 2 * normal_tail((abs(rank_sum - mean) - 0.5) / math.sqrt(variance)))


# A rule takes base's and head's values, larger is worse, and says whether it would have complained.
RULES = {
    "U test 5 % (compare.py, benchstat)": lambda a, b: statistics.median(b) > statistics.median(a) and u_test(a, b) < 0.05,
    "U test 0.2 % and x1.1 (asv)": lambda a, b: statistics.median(b) > 1.1 * statistics.median(a) and u_test(a, b) < 0.002,
    "mean over 10 %": lambda a, b: statistics.fmean(b) > 1.1 * statistics.fmean(a),
    "mean over 5 %": lambda a, b: statistics.fmean(b) > 1.05 * statistics.fmean(a),
}


def sequences(recording):
    for (cell, metric), entries in by_metric(recording).items():
        better = recording["cells"][cell]["metrics"][metric]["better"]
        runs = [value if better == "lower" else 1 / value for values, _ in entries for value in values]
        yield cell, runs


def rules(args):
    """One build is one recording: its values in time order, the first n called base, the next n head."""
    draw = random.Random(args.seed)
    counts = {name: {"builds": 0, "alarms": 0, "found": 0} for name in RULES}
    n = args.runs
    for path, recording in recordings(args.files):
        series = [(cell, runs) for cell, runs in sequences(recording) if len(runs) >= 2 * n]
        if not series:
            print(f"{path}: no metric has {2 * n} runs, it is left out", file=sys.stderr)
            continue
        for _ in range(args.draws):
            planted = draw.choice([cell for cell, _ in series])
            start = draw.random()
            for name, rule in RULES.items():
                alarm = found = False
                for cell, runs in series:
                    at = int(start * (len(runs) - 2 * n + 1))
                    base, head = runs[at:at + n], runs[at + n:at + 2 * n]
                    alarm = alarm or rule(base, head)
                    if cell == planted:
                        found = found or rule(base, [value * (1 + args.plant) for value in head])
                entry = counts[name]
                entry["builds"] += 1
                entry["alarms"] += alarm
                entry["found"] += found
    print(f"{'rule, all of base then all of head':<40}{'false alarms':>14}{'found +' + format(100 * args.plant, 'g') + ' %':>14}")
    for name, entry in counts.items():
        if entry["builds"]:
            print(f"{name:<40}{100 * entry['alarms'] / entry['builds']:>12.1f} %{100 * entry['found'] / entry['builds']:>12.1f} %")
    files = usable(args) if args.dragstrip else []
    for plant in (0.0, args.plant) if files else ():
        print_ours(args, files, plant)


def ours(args, path, plant, gates):
    command = [args.dragstrip, "gate", "--replay", path, "--resample", str(gates), "--plant", str(plant)]
    end = subprocess.run(command, capture_output=True, text=True, check=False)
    if end.returncode != 0:
        print(f"{path}: left out: {end.stderr.strip()}", file=sys.stderr)
        return None
    return json.loads(end.stdout)


def usable(args):
    """Recordings that can be redrawn. What is wrong with the others is said once."""
    return [path for path in args.files if ours(args, path, 0, 1)]


def print_ours(args, files, plant):
    total = collections.Counter()
    gates = math.ceil(args.resample / len(files))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda path: ours(args, path, plant, gates), files):
            total.update({k: v for k, v in found.items() if k != "plant"})
    gates = total["gates"]
    # Upper 95 % bound of a share of few: Wilson's.
    share, z = total["false_alarms"] / gates, 1.645
    bound = (share + z * z / (2 * gates) + z * math.sqrt(share * (1 - share) / gates + z * z / (4 * gates * gates))) / (
        1 + z * z / gates)
    print(f"dragstrip gate, +{100 * plant:g} % in one cell: {gates} gates, false alarms {100 * share:.2f} % "
          f"(95 % bound {100 * bound:.2f} %), found {100 * total['found'] / gates:.1f} %, passed "
          f"{100 * total['passed'] / gates:.1f} %, no verdict {100 * total['no_verdict'] / gates:.1f} %", flush=True)


def power(args):
    files = usable(args)
    if not files:
        sys.exit("none of these recordings can be redrawn")
    for plant in (0.0, 0.02, 0.03, 0.05, 0.08, 0.10):
        print_ours(args, files, plant)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("aa", "plants", "sd", "rules", "power"):
        sub = commands.add_parser(name)
        sub.add_argument("--dragstrip", required=name in ("aa", "power"))
        if name in ("aa", "plants"):
            sub.add_argument("--out", required=True, help="a folder; what is there already is not made again")
            sub.add_argument("--suite", default=str(SMALL_SUITE), help="of the gate; default: one that takes a minute")
        if name == "aa":
            sub.add_argument("--gates", type=int, default=10)
        elif name == "plants":
            sub.add_argument("--planted", required=True, help="a program built with -DDRAGSTRIP_PLANTS=ON")
            sub.add_argument("--only", help="names, with a comma between them")
            sub.add_argument("--all", action="store_true", help="also those that only a counter is expected to see")
        else:
            sub.add_argument("files", nargs="+")
            sub.add_argument("--seed", type=int, default=1)
            sub.add_argument("--runs", type=int, default=5, help="runs a side, for the other rules")
            sub.add_argument("--draws", type=int, default=200, help="windows a recording, for the other rules")
            sub.add_argument("--plant", type=float, default=0.05)
            sub.add_argument("--resample", type=int, default=10_000, help="gates redrawn from all recordings together, for ours")
    rest = []
    arguments = sys.argv[1:]
    if "--" in arguments:
        at = arguments.index("--")
        arguments, rest = arguments[:at], arguments[at + 1:]
    args = parser.parse_args(arguments)
    if args.command in ("aa", "plants"):
        {"aa": aa, "plants": plants}[args.command](args, rest)
    else:
        {"sd": sd, "rules": rules, "power": power}[args.command](args)


if __name__ == "__main__":
    main()
