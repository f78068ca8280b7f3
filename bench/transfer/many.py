#!/usr/bin/env python3
"""A set of very many small files: what a delivery needs of memory, for each file and in all.

  many.py [BUILD] [--base FOLDER] [--counts N,N | --quick] [--bytes N] [--json]

Delivers sets of two sizes (100,000 and 1,000,000 files of 64 bytes) from a folder to a folder of the
same disk, whole and by one rename, and verifies them; reports seconds, files a second and the largest
resident memory of each process, and the growth of it for each file. Goals: less than 64 MB whatever
the count, and no growth of more than 200 bytes a file. Exit status 1 when one is missed."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
A_FOLDER = 1000  # files
MEMORY_GOAL = 64 * 1000 * 1000
GROWTH_GOAL = 200


def make(folder, count, size):
    for number in range(count):
        below = "%s/%04d" % (folder, number // A_FOLDER)
        if number % A_FOLDER == 0:
            os.makedirs(below)
        with open("%s/%07d" % (below, number), "wb") as out:
            out.write((b"%d " % number * size)[:size])


def timed(line):
    """Seconds and the largest resident memory [bytes] of one process."""
    before = time.monotonic()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("%s\nended with %d: %s" % (" ".join(line), status, said.decode()[-400:]))
    return time.monotonic() - before, usage.ru_maxrss * 1024


def measure(program, base, count, size):
    folder = tempfile.mkdtemp(prefix="many-", dir=base)
    try:
        make(folder + "/from", count, size)
        rows = []
        for name, line in (
                ("deliver", ["deliver", "--from", folder + "/from", "--to", folder + "/to", "--set",
                             "bench/set", "--release", "whole"]),
                ("again", ["deliver", "--from", folder + "/from", "--to", folder + "/to", "--set",
                           "bench/set"]),
                ("verify", ["verify", "--quiet", folder + "/to/bench/set"])):
            seconds, memory = timed([program] + line)
            rows.append({"what": name, "files": count, "seconds": round(seconds, 3),
                         "files_s": round(count / seconds), "memory": memory})
        return rows
    finally:
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default=os.path.join(TOP, "_b"))
    parser.add_argument("--base", default=None)
    parser.add_argument("--counts", default="100000,1000000")
    parser.add_argument("--bytes", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="5,000 and 20,000 files")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    program = os.path.join(args.build, "data-fetch", "fairlead-transfer")
    if args.quick:
        args.counts = "5000,20000"
    small, large = [int(count) for count in args.counts.split(",")]
    rows = measure(program, args.base, small, args.bytes) + measure(program, args.base, large,
                                                                   args.bytes)
    missed = False
    for row in rows:
        first = [r for r in rows if r["what"] == row["what"]][0]
        if row["files"] > small >= 100000:  # below, caches still fill
            row["growth"] = round((row["memory"] - first["memory"]) / (row["files"] - small), 1)
        row["good"] = row["memory"] < MEMORY_GOAL and row.get("growth", 0) <= GROWTH_GOAL
        missed = missed or not row["good"]
        if args.json:
            print(json.dumps(row))
        else:
            print("%-8s %8d files  %8.2f s  %7d files/s  %6.1f MB%s  %s" %
                  (row["what"], row["files"], row["seconds"], row["files_s"], row["memory"] / 1e6,
                   "  %.1f bytes a file more" % row["growth"] if "growth" in row else "",
                   "" if row["good"] else "MISSED"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
