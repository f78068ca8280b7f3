#!/usr/bin/env python3
"""One file of 500 MiB over two lines of 400 Mbit/s (network namespaces, veth, tc tbf), TLS 1.3 with
both ends proving themselves, every byte hashed; then with one line whose connections are closed at
2 s, with one that loses every packet from 2 s on, and (48 Mbit/s each, about a minute) with one that
loses every packet for 3 s of every 6. aria2 with both addresses in the same run, plain
HTTP, nothing hashed. Needs root.

The ideal of one line is that of its frames; that of two, what the best of both programs had of one.

  lines.py [BUILD] [--base FOLDER] [--runs N] [--rows LIST] [--quick] [--json]"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time

from served import (MIB, Children, Failed, Nginx, Scratch, TOP, inputs, make_content, make_keys,
                    site_file, transfer)
from net import Net

SIZE = 500 * MIB
MBIT = 400
# of what a line of 400 Mbit/s carries in frames of 1514 bytes, 1448 are the file's
RATE = MBIT * 1e6 / 8 * 1448 / 1514
BREAK_S = 2
FLAP_S, FLAP_MBIT = 3, 48
GOALS = {"both": 1 / 0.95, "one": None, "closed": 1.1, "frozen": 1.15, "flap": 1.1}


def ideal(case, rate):
    """Seconds, with lines of RATE bytes a second each."""
    if case == "one":
        return SIZE / rate
    if case == "both":
        return SIZE / (2 * rate)
    if case == "flap":
        return SIZE / (1.5 * rate * FLAP_MBIT / MBIT)
    return BREAK_S + (SIZE - BREAK_S * 2 * rate) / rate


def break_line(net, kind, servers):
    if kind == "closed":
        servers[0].end()
    elif kind == "frozen":
        net.freeze(1)


def flap(net, child, limit):
    """Until the transfer has ended."""
    end, up = time.monotonic() + limit, True
    while time.monotonic() < end:
        try:
            return child.wait(FLAP_S)
        except subprocess.TimeoutExpired:
            up = not up
            net.thaw(1, FLAP_MBIT) if up else net.freeze(1)
    raise Failed("more than %d s" % limit)


def once(args, net, case, command, folder, root, keys, scratch, check):
    """Seconds of one transfer. There is a server for each line, so that one can be closed."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    children = Children()
    servers = []
    try:
        for i in net.lines:
            net.thaw(i, FLAP_MBIT if case == "flap" else MBIT)
            servers.append(Nginx("%s/nginx%d" % (scratch.path, i), root, keys,
                                 address="10.77.%d.1" % i, tls=7443, plain=8080,
                                 prefix=net.run(net.far)))
        start = time.monotonic()
        child = children.start(net.run(net.near) + command, cwd=folder,
                               stdout=subprocess.DEVNULL,
                               stderr=open(scratch.path + "/last", "w"))
        try:
            if case == "flap":
                flap(net, child, 180)
            child.wait(BREAK_S)
        except subprocess.TimeoutExpired:
            break_line(net, case, servers)
            try:
                child.wait(90)
            except subprocess.TimeoutExpired:
                raise Failed("more than 90 s") from None
        took = time.monotonic() - start
        if child.returncode != 0:
            with open(scratch.path + "/last") as file:
                raise Failed("exit %d: %s" % (child.returncode, file.read().strip()[-300:]))
    finally:
        children.end_all()
        for server in servers:
            server.end()
    if subprocess.run(["cmp", "-s", check, folder + "/f.bin"]).returncode != 0:
        raise Failed("the bytes are wrong")
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(TOP, "_b"))
    parser.add_argument("--base", default="/var/tmp")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one run; not the minute of flaps")
    parser.add_argument("--rows", help="of one, both, closed, frozen, flap; with commas")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.quick:
        args.runs, args.rows = 1, args.rows or "one,both,closed,frozen"
    scratch = Scratch(args.base)
    net = None
    rows = []
    rate = RATE
    try:
        net = Net(2, MBIT)
        keys, root = scratch.path + "/keys", scratch.folder("served")
        make_keys(os.path.abspath(args.build), keys)
        digest = make_content(root + "/f.bin", SIZE)
        inputs(scratch.path + "/inputs.json",
               [("f.bin", "https://10.77.1.1:7443/f.bin", SIZE, digest)])
        lines = [("line%d" % i, "10.77.%d.2" % i, "10.77.%d.1:7443" % i, "") for i in net.lines]
        for case in ("one", "both", "closed", "frozen", "flap"):
            if args.rows and case not in args.rows.split(","):
                continue
            if case != "one":
                rate = max([SIZE / r["seconds"] for r in rows
                            if r["row"] == "one" and "seconds" in r] or [rate])
            site = "%s/%s.cfg" % (scratch.path, case)
            site_file(site, keys, lines[:1] if case == "one" else lines)
            ours = [os.path.abspath(transfer(args.build)), "stage", "--inputs",
                    scratch.path + "/inputs.json", "--site", site, "--to", "."]
            aria = ["aria2c", "-q", "--file-allocation=none", "--auto-file-renaming=false", "-x8",
                    "-s16", "-k1M"] + ["http://10.77.%d.1:8080/f.bin" % i
                                      for i in ([1] if case == "one" else net.lines)]
            for what, command in (("fairlead-transfer", ours), ("aria2", aria)):
                if not shutil.which(command[0]):
                    rows.append({"row": case, "what": what, "failed": "not installed"})
                    continue
                try:
                    took = sorted(once(args, net, case, command, scratch.path + "/to", root, keys,
                                       scratch, root + "/f.bin") for _ in range(args.runs))
                    took = took[len(took) // 2]
                    rows.append({"row": case, "what": what, "seconds": round(took, 3),
                                 "ideal": round(ideal(case, rate), 3), "goal": GOALS[case],
                                 "of_ideal": round(took / ideal(case, rate), 3)})
                except Failed as error:
                    rows.append({"row": case, "what": what, "failed": str(error)})
                row = rows[-1]
                if args.json:
                    print(json.dumps(row), flush=True)
                elif "failed" in row:
                    print("%-7s %-18s %s" % (case, what, row["failed"]), flush=True)
                else:
                    print("%-7s %-18s %7.2f s  %.3f of the ideal %.2f s%s" % (
                        case, what, row["seconds"], row["of_ideal"], row["ideal"],
                        "  (goal %.2f)" % row["goal"] if row["goal"] else ""), flush=True)
    except Failed as error:
        sys.exit("lines: %s" % error)
    finally:
        if net:
            net.close()
        scratch.remove()


if __name__ == "__main__":
    main()
