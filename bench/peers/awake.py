"""awake.py CPU: keeps a CPU from sleeping until its parent ends.

It runs when nothing else wants to (SCHED_IDLE), so it takes time from nobody; but who is woken there finds the CPU awake. What the
gate does with a thread (bench/runner/awake.h), for scripts.
"""
import os
import sys

os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
parent = os.getppid()
while os.getppid() == parent:
    pass
