#!/usr/bin/env python3
"""The house rules that a program can check. Prints one line per violation; exit code 1 when there is one.

* includes point down: base <- codec <- transport <- {servers, clients} <- bench; only programs and tests see net and
  sim; servers and clients never include each other; a workload sees channels, never a codec or a socket;
* a source file has at most 500 lines, a function at most 70 (clang-tidy checks those);
* banned: words that mean three things, clocks and random numbers that cannot be replayed, C++ that clang 14 lacks;
* no absolute path of somebody's machine;
* every .cc and .h is named by a CMakeLists.txt or included by something that is.
"""
import pathlib
import re
import subprocess
import sys

HOME = pathlib.Path(__file__).resolve().parents[2]
MAX_LINES = 500

# folder -> folders its files may include from. The longest matching prefix of a file's path counts.
MAY_INCLUDE = {
    "core/base": ["core/base"],
    "core/codec": ["core/base", "core/codec"],
    "core/transport": ["core/base", "core/codec", "core/transport"],
    "core/net": ["core/base", "core/transport", "core/net"],
    "core/sim": ["core/base", "core/transport", "core/sim", "core/net/timer_heap.h"],
    "servers/stacks": ["core/base", "core/codec", "core/transport", "servers/stacks"],
    "servers": ["core/base", "core/codec", "core/transport", "servers"],
    "clients": ["core/base", "core/codec", "core/transport", "clients"],
    "clients/load": ["core/base", "core/codec/message.h", "core/transport", "clients/load", "results"],
    "results": ["core/base", "core/transport/outcome.h", "core/transport/rows.h", "results"],
    "bench/workloads": ["core/base", "core/codec/message.h", "core/transport", "clients/load", "bench/workloads"],
    "bench/runner": ["core/base", "core/transport", "results", "bench/workloads/workloads.h", "bench/runner"],
    "bench": ["core", "servers", "clients", "results", "bench"],
    "tests": ["core", "servers", "clients", "results", "bench", "tests"],
}
BANNED = [
    (r"\bsession\b", "a word that means three things in this field", r"nghttp2_"),
    (r"\b(gettimeofday|system_clock|CLOCK_REALTIME)\b|std::time\(", "a clock that jumps", None),
    (r"\bs?rand\(|std::random_device|std::mt19937", "a random number that cannot be replayed", None),
    (r"std::source_location|std::expected|std::format\b|std::views|std::ranges::views", "not in both compilers", None),
    (r"using namespace std;", "hides where names come from", None),
]
# Reports carry the wall clock; everything else is monotonic.
CLOCK_ALLOWED = {"clients/load/surroundings.cc", "clients/load/surroundings.h", "results/machine.cc"}


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", *patterns], cwd=HOME, capture_output=True, text=True, check=True).stdout
    return [line for line in out.splitlines() if (HOME / line).exists()]


def rule_for(path):
    best = max((p for p in MAY_INCLUDE if path.startswith(p + "/")), key=len, default=None)
    return MAY_INCLUDE.get(best)


def check_includes(path, lines):
    allowed = rule_for(path)
    if allowed is None:
        return
    for number, line in enumerate(lines, 1):
        found = re.match(r'\s*#include "([^"]+)"', line)
        if not found:
            continue
        target = found.group(1)
        if not any(target == a or target.startswith(a + "/") for a in allowed):
            yield f"{path}:{number}: includes {target}; files here may include from {', '.join(allowed)}"


def check_text(path, lines):
    if len(lines) > MAX_LINES:
        yield f"{path}: {len(lines)} lines, at most {MAX_LINES}"
    for number, line in enumerate(lines, 1):
        for pattern, why, unless in BANNED:
            if why == "a clock that jumps" and path in CLOCK_ALLOWED:
                continue
            if re.search(pattern, line) and not (unless and re.search(unless, line)):
                yield f"{path}:{number}: {re.search(pattern, line).group(0)}: {why}"


def check_paths():
    for path in tracked():
        if path.endswith((".svg", ".png", "package-lock.json", "LICENSE")) or path.startswith("tests/tidy/"):
            continue
        try:
            text = (HOME / path).read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found = re.search(r"(?<![\w./])/(home|root|work|Users)/\w+", line)
            if found:
                yield f"{path}:{number}: {found.group(0)}: a path of one machine"


def is_listed(path, lists):
    """Whether the CMakeLists.txt of a folder above names the file, relative to itself and as a whole word."""
    for folder in pathlib.PurePath(path).parents:
        text = lists.get(str(folder), "")
        if re.search(rf"(?<![\w./-]){re.escape(str(pathlib.PurePath(path).relative_to(folder)))}(?![\w./-])", text):
            return True
    return False


def check_listed(sources):
    lists = {str(pathlib.PurePath(p).parent): (HOME / p).read_text() for p in tracked("*CMakeLists.txt")}
    for path in sources:
        if path.endswith(".cc") and not is_listed(path, lists):
            yield f"{path}: no CMakeLists.txt names it"
    included = set()
    for path in sources:
        included.update(re.findall(r'#include "([^"]+)"', (HOME / path).read_text()))
    for path in sources:
        if path.endswith(".h") and path not in included:
            yield f"{path}: nobody includes it"


def main():
    sources = tracked("*.cc", "*.h")
    problems = []
    for path in sources:
        lines = (HOME / path).read_text().splitlines()
        problems += check_includes(path, lines)
        problems += check_text(path, lines)
    for path in tracked("*.py", "*.mjs", "*.js"):
        if not path.startswith("tests/tidy/"):
            problems += check_text(path, (HOME / path).read_text().splitlines())
    problems += check_paths()
    problems += check_listed(sources)
    print("\n".join(problems) if problems else f"tidy: {len(sources)} files keep the house rules")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
