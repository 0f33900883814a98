"""What does a command cost: wall time, CPU and peak memory?

    python -I -S stopwatch.py FD COMMAND...

Runs the command and writes a JSON object to the descriptor. A program of its own, and a small one: on Linux a child's
peak begins with that of the process that started it (exec_mmap in fs/exec.c), which hides whatever is smaller.
"""

import json
import os
import sys
import time


def main() -> None:
    report, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(report, False)
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - started
    cost = {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_kib": usage.ru_maxrss,
        "status": os.waitstatus_to_exitcode(status),
    }
    os.write(report, json.dumps(cost).encode())


if __name__ == "__main__":
    main()
