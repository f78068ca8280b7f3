#!/usr/bin/env python3
"""400 byte ranges (about 229 MiB of 500 MiB) of a GRIB file over 40 ms and 1 Gbit/s, by HTTP and by
TLS 1.3: fairlead-transfer get (with its index, every message verified, hashed and synced) beside the
bare libcurl floor and curl -Z, turn by turn in one run.

  ranges.py [BUILD] [--base FOLDER] [--runs N] [--connections N] [--quick] [--json]

The wire is a relay of this machine (relay.c). Only 127.0.0.1 is used."""
import argparse
import json
import os
import shutil
import subprocess
import sys

from served import MIB, Children, Failed, Nginx, Scratch, TOP, median_of, timed, transfer
from measure import read_line, run_json

PORT, TLS_PORT = 18745, 18746
SELECT = ":(TMP|UGRD|VGRD|HGT):"


def make_certificate(folder):
    """hpc.pem and hpc.key for 127.0.0.1, their own authority."""
    os.makedirs(folder)
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", folder + "/hpc.key", "-out", folder + "/hpc.pem", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed("openssl: " + done.stderr.strip())


def source_file(path):
    with open(path, "w") as file:
        file.write("""source: {
  name = "bench"; title = "made for measuring"; licence = "none";
  cycles = { every = "PT6H"; }; leads = ["+000/+006/3"];
  paths = ( { path = "gfs.grib2"; } );
  index = { kind = "idx"; suffix = ".idx"; };
  mirrors = ( { url = "http://127.0.0.1:1"; connections = 16; } );
  wait = { first = "PT0S"; poll = "PT1S"; give_up = "PT0S"; };
};
""")


def curl_file(path, url, ranges, ca):
    with open(path, "w") as file:
        for i, (first, last) in enumerate(ranges):
            file.write('%surl="%s/gfs.grib2"\noutput="m%03d"\nrange=%d-%d\nsilent\nfail\n%s' %
                       ("next\n" if i else "", url, i, first, last,
                        'cacert="%s"\n' % ca if ca else ""))


def rows(args, bench, run, url, ca, ranges):
    """(name, program, command)"""
    count = str(args.connections)
    floor = [bench + "/floor", url + "/gfs.grib2", run + "/root/gfs.grib2.ranges", "out", count]
    ours = [transfer(args.build), "get", "--source", run + "/bench.cfg", "--mirror", url,
            "--cycle", "20181009T0000Z", "--leads", "+003", "--select", SELECT, "--name", "x.grib2",
            "--to", ".", "--book", run + "/book"]
    curl_file(run + "/curl", url, ranges, ca)
    return [("fairlead-transfer", None, ours + (["--ca", ca] if ca else [])),
            ("libcurl floor", None, floor + ([ca] if ca else [])),
            ("curl -Z", "curl", ["curl", "-Z", "--parallel-max", count, "-K", run + "/curl"])]


def measure(args, scheme, bench, run, keys, ranges, children):
    ca = keys + "/hpc.pem" if scheme == "https" else None
    relay = children.start([bench + "/relay", TLS_PORT if ca else PORT, "40", "1000"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    url = "%s://127.0.0.1:%d" % (scheme, read_line(relay)["port"])
    commands = rows(args, bench, run, url, ca, ranges)
    found, why = {name: [] for name, _, _ in commands}, {}
    try:
        for _ in range(args.runs):  # turn by turn, so that all see the same machine
            for name, program, command in commands:
                shutil.rmtree(run + "/book", ignore_errors=True)
                if program and not shutil.which(program):
                    why[name] = "not installed"
                    continue
                try:
                    found[name].append(timed(command, run + "/to"))
                except (Failed, OSError) as error:
                    why[name] = str(error)
    finally:
        children.end(relay)
    return [{"row": scheme, "what": name, "bytes": sum(b - a + 1 for a, b in ranges),
             **(median_of(found[name]) if found[name] else {"failed": why.get(name)})}
            for name, _, _ in commands]


def report(table, as_json):
    for scheme in ("http", "https"):
        took = {row["what"]: row.get("seconds") for row in table if row["row"] == scheme}
        for row in (r for r in table if r["row"] == scheme):
            if as_json:
                print(json.dumps(row))
            elif "failed" in row:
                print("%-5s %-18s %s" % (scheme, row["what"], row["failed"]))
            else:
                floor = took.get("libcurl floor")
                print("%-5s %-18s %6.2f s %5.0f MB/s  CPU %5.2f s%s" % (
                    scheme, row["what"], row["seconds"], row["bytes"] / 1e6 / row["seconds"],
                    row["client_cpu"], "  %.3f of the floor" % (row["seconds"] / floor)
                    if floor and row["what"] != "libcurl floor" else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(TOP, "_b"))
    parser.add_argument("--base", default="/var/tmp")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--quick", action="store_true", help="a tenth of the bytes, one run")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    args.runs = 1 if args.quick else args.runs
    part = 10 if args.quick else 1
    bench = args.build + "/bench/transfer"
    scratch, children, server = Scratch(args.base), Children(), None
    try:
        run = scratch.path
        os.makedirs(run + "/root")
        run_json([bench + "/make_ranges", run + "/root/gfs.grib2", 500 * MIB // part, 400 // part])
        with open(run + "/root/gfs.grib2.ranges") as file:
            ranges = [tuple(map(int, line.split())) for line in file]
        make_certificate(run + "/keys")
        source_file(run + "/bench.cfg")
        server = Nginx(run + "/nginx", run + "/root", run + "/keys", tls=TLS_PORT, plain=PORT,
                       clients=False)
        table = []
        for scheme in ("http", "https"):
            table += measure(args, scheme, bench, run, run + "/keys", ranges, children)
    except Failed as error:
        sys.exit("ranges: %s" % error)
    finally:
        children.end_all()
        if server:
            server.end()
        scratch.remove()
    report(table, args.json)


if __name__ == "__main__":
    main()
