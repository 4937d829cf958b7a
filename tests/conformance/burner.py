"""burner.py HOW COUNT COMMAND...: starts COUNT programs that burn a CPU each, then becomes COMMAND.

HOW is `stranger` (they belong to nobody: own sessions, adopted by init, on all CPUs, as a neighbour's would) or `own` (children in the
group of COMMAND, on its CPUs). They end when COMMAND does, and after two minutes in any case.
"""
import os
import sys
import time


def burn(until_gone):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            os.kill(until_gone, 0)
        except ProcessLookupError:
            break
        for _ in range(10_000):
            pass
    os._exit(0)


def main():
    how, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    own = os.getpid()
    for _ in range(count):
        if os.fork() != 0:
            continue
        if how == "stranger":
            os.setsid()
            if os.fork() != 0:
                os._exit(0)
            os.sched_setaffinity(0, range(os.cpu_count()))
        nothing = os.open(os.devnull, os.O_RDWR)  # the pipes of COMMAND are not kept open
        for fd in range(3):
            os.dup2(nothing, fd)
        burn(own)
    if how == "stranger":
        for _ in range(count):
            os.wait()
    os.execvp(command[0], command)


main()
