#!/usr/bin/env python3
"""CPU seconds per GB (10^9 bytes), both ends together, of one file over TLS 1.3 with both ends proving
themselves, hashed on arrival: the file door to fairlead-transfer, beside nginx to curl and sha256sum.
Goal: at most 1.1 times theirs. Also nginx and curl with OpenSSL's faster hash, and our client from
nginx, which tell the ends apart.

  door.py [BUILD] [--base FOLDER] [--runs N] [--quick] [--json]

The folder should be in memory (/dev/shm): disks are not what is measured. Only 127.0.0.1 is used."""
import argparse
import json
import os
import sys

from served import (MIB, Children, Failed, Nginx, Scratch, TOP, inputs, make_content, make_keys,
                    median_of, site_file, timed, transfer)

PORT = 18744
NAME = "big.bin"
PATH = "work/serve/1/out/" + NAME
GOAL = 1.1


class Door:
    """The door of the site hpc, without grants: they cost one request each, not bytes."""

    def __init__(self, build, root, keys):
        self.children = Children()
        self.child = self.children.start(
            [transfer(build), "serve", "--root", root, "--name", "hpc", "--keys", keys,
             "--no-grants"], stdout=-1, stderr=-3)
        line = b""
        while not line.endswith(b"\n"):
            byte = self.child.stdout.read(1)
            if not byte:
                raise Failed("the door does not open")
            line += byte
        self.url = json.loads(line)["door"]

    def cpu(self):
        with open("/proc/%d/stat" % self.child.pid) as file:
            part = file.read().rsplit(")", 1)[1].split()
        return (int(part[11]) + int(part[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.children.end_all()


def measure(args, size, scratch):
    keys, root, run = scratch.path + "/keys", scratch.folder("hpc"), scratch.folder("run")
    make_keys(args.build, keys)
    os.makedirs(os.path.dirname(root + "/" + PATH))
    sha256 = make_content(root + "/" + PATH, size)
    nginx = Nginx(run + "/nginx", root, keys, tls=PORT)
    door = Door(args.build, root, keys)
    site_file(run + "/site.cfg", keys)

    def ours(name, url):
        path = "%s/%s.json" % (run, name)
        inputs(path, [(NAME, "%s/%s" % (url, PATH), size, sha256)])
        return [transfer(args.build), "stage", "--inputs", path, "--site", run + "/site.cfg",
                "--to", "."]

    curl = ("curl -sSf --cacert {k}/ca.pem --cert {k}/local.pem --key {k}/local.key -o {n} "
            "--connect-to hpc:{p}:127.0.0.1:{p} https://hpc:{p}/{f} && ").format(
                k=keys, n=NAME, p=PORT, f=PATH)
    rows = [("door to fairlead-transfer", door, ours("door", door.url)),
            ("nginx to fairlead-transfer", nginx, ours("nginx", "https://127.0.0.1:%d" % PORT)),
            ("nginx to curl, sha256sum", nginx, curl + "sha256sum %s" % NAME),
            ("nginx to curl, openssl dgst", nginx, curl + "openssl dgst -sha256 %s" % NAME)]
    found = {name: [] for name, _, _ in rows}
    try:
        for _ in range(args.runs):  # turn by turn, so that all see the same machine
            for name, server, line in rows:
                found[name].append(timed(line, run + "/to", server))
    finally:
        door.end()
        nginx.end()
    out = []
    for name, _, _ in rows:
        row = {"row": "door", "what": name, "bytes": size, **median_of(found[name])}
        for end in ("client", "server"):
            row[end + "_s_per_gb"] = round(row[end + "_cpu"] / size * 1e9, 3)
        row["s_per_gb"] = round(row["client_s_per_gb"] + row["server_s_per_gb"], 3)
        out.append(row)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(TOP, "_b"))
    parser.add_argument("--base", default="/dev/shm")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="an eighth of the bytes, one run")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    args.runs = 1 if args.quick else args.runs
    scratch = Scratch(args.base)
    try:
        rows = measure(args, 2048 * MIB // (8 if args.quick else 1), scratch)
    except Failed as error:
        sys.exit("door: %s" % error)
    finally:
        scratch.remove()
    peer = next(r["s_per_gb"] for r in rows if r["what"].endswith("sha256sum"))
    for row in rows:
        row["of_peer"] = round(row["s_per_gb"] / peer, 2)
        if args.json:
            print(json.dumps(row))
        else:
            print("%-28s server %.2f + client %.2f = %.2f CPU s/GB, %.2f of nginx + curl + sha256sum"
                  % (row["what"], row["server_s_per_gb"], row["client_s_per_gb"], row["s_per_gb"],
                     row["of_peer"]))
    return 0 if rows[0]["of_peer"] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
