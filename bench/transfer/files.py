#!/usr/bin/env python3
"""Whole files over TLS on loopback: 64 x 16 MiB and 1 x 2 GiB, beside curl, aria2, rclone, lftp and
wget2, each followed by sha256sum and sync of the files, which fairlead-transfer does by itself.

  files.py [BUILD] [--base FOLDER] [--runs N] [--quick] [--json]

A peer that is not installed says so and is left out. Only 127.0.0.1 is used."""
import argparse
import json
import os
import shutil
import sys

from served import (MIB, Failed, Nginx, Scratch, TOP, inputs, make_content, make_keys, median_of,
                    site_file, timed, transfer)

PORT = 18743
AFTER = " && sha256sum * >../sums && sync *"


def peers(kind, url, names, run):
    """(name, program, line) for the shell."""
    with open(run + "/urls", "w") as file:
        file.write("".join("%s/%s\n" % (url, name) for name in names))
    with open(run + "/curl", "w") as file:
        file.write("".join('url="%s/%s"\noutput="%s"\n' % (url, n, n) for n in names))
    aria = ("aria2c -q --check-certificate=false --file-allocation=none "
            "--auto-file-renaming=false --allow-overwrite=true ")
    rclone = "rclone --no-check-certificate --config /dev/null --http-url %s " % url
    lftp = "lftp -c 'set ssl:verify-certificate no; %s'"
    one = "%s/%s" % (url, names[0])
    if kind == "set":
        return [("curl -Z", "curl", "curl -sSfk -Z --parallel-max 8 -K %s/curl" % run),
                ("aria2", "aria2c", aria + "-j8 -x16 -s16 -k1M -i %s/urls" % run),
                ("rclone", "rclone", rclone + "copy --transfers 8 --checkers 8 :http: ."),
                ("lftp", "lftp", lftp % ("mirror -P8 %s/ ." % url)),
                ("wget2", "wget2",
                 "wget2 -q --no-check-certificate --max-threads=8 -i %s/urls" % run)]
    return [("curl", "curl", "curl -sSfk -o %s %s" % (names[0], one)),
            ("aria2", "aria2c", aria + "-x16 -s16 -k1M " + one),
            ("rclone", "rclone", rclone + "copyto --multi-thread-cutoff 64M "
             "--multi-thread-streams 8 :http:%s %s" % (names[0], names[0])),
            ("lftp", "lftp", lftp % ("pget -n8 " + one)),
            ("wget2", "wget2", "wget2 -q --no-check-certificate --max-threads=8 "
             "--chunk-size=64M " + one)]


def measure(args, kind, count, size, scratch, keys):
    root, run = scratch.folder("served-" + kind), scratch.folder("run-" + kind)
    names = ["f%02d.bin" % i for i in range(count)]
    first = make_content(root + "/" + names[0], size)
    for name in names[1:]:
        shutil.copyfile(root + "/" + names[0], root + "/" + name)
    server = Nginx(run + "/nginx", root, keys, tls=PORT,
                   more="autoindex on;" if kind == "set" else "")
    url = "https://127.0.0.1:%d" % PORT
    inputs(run + "/inputs.json", [(n, "%s/%s" % (url, n), size, first) for n in names])
    site_file(run + "/site.cfg", keys)
    folder = run + "/to"
    ours = [transfer(args.build), "stage", "--inputs", run + "/inputs.json", "--site",
            run + "/site.cfg", "--to", "."]
    rows = [("fairlead-transfer", None, ours)]
    rows += [(n, p, line + AFTER) for n, p, line in peers(kind, url, names, run)]
    found = {name: [] for name, _, _ in rows}
    why = {}
    try:
        for _ in range(args.runs):  # turn by turn, so that all see the same machine
            for name, program, line in rows:
                if program and not shutil.which(program):
                    why[name] = "not installed"
                    continue
                try:
                    found[name].append(timed(line, folder, server))
                except (Failed, OSError) as error:
                    why[name] = str(error)
    finally:
        server.end()
        shutil.rmtree(root)
        shutil.rmtree(folder, ignore_errors=True)
    return [{"row": kind, "what": name, "bytes": count * size,
             **(median_of(found[name]) if found[name] else {"failed": why.get(name)})}
            for name, _, _ in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(TOP, "_b"))
    parser.add_argument("--base", default="/var/tmp")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="an eighth of the bytes, one run")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    part = 8 if args.quick else 1
    args.runs = 1 if args.quick else args.runs
    scratch = Scratch(args.base)
    try:
        keys = scratch.path + "/keys"
        make_keys(args.build, keys)
        rows = measure(args, "set", 64 // part, 16 * MIB, scratch, keys)
        rows += measure(args, "big", 1, 2048 * MIB // part, scratch, keys)
    except Failed as error:
        sys.exit("files: %s" % error)
    finally:
        scratch.remove()
    for kind in ("set", "big"):
        best = min((r["seconds"] for r in rows if r["row"] == kind and "seconds" in r and
                    r["what"] != "fairlead-transfer"), default=None)
        for row in (r for r in rows if r["row"] == kind):
            if args.json:
                print(json.dumps(row))
            elif "failed" in row:
                print("%-4s %-18s %s" % (kind, row["what"], row["failed"]))
            else:
                print("%-4s %-18s %7.2f s %6.0f MB/s  CPU %5.2f + %5.2f s%s" % (
                    kind, row["what"], row["seconds"], row["bytes"] / 1e6 / row["seconds"],
                    row["client_cpu"], row["server_cpu"],
                    "  %.2f of the best peer" % (best / row["seconds"])
                    if best and row["what"] == "fairlead-transfer" else ""))


if __name__ == "__main__":
    main()
