#!/usr/bin/env python3
"""The same three measurements of ecFlow: chain, tasks with a limit, tasks without.

  ecflow.py SCRATCH STAMP chain COUNT | tasks COUNT LIMIT

Prints one line of JSON. ecflow_server binds every interface, so `run` starts this in a network
namespace of its own, in which only the loopback is brought up."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import measure
from measure import Failed

PORT = "34141"

# The child commands that every ecFlow job gives, around the same body that Fairlead's stages have.
JOB = """#!/bin/bash
export ECF_PORT=%ECF_PORT% ECF_HOST=localhost ECF_NAME=%ECF_NAME%
export ECF_PASS=%ECF_PASS% ECF_TRYNO=%ECF_TRYNO% ECF_RID=$$
ecflow_client --init=$$
%STAMP% %OUT% %TASK%
ecflow_client --complete
"""


def installed():
    return all(shutil.which(name) for name in ("ecflow_server", "ecflow_client"))


class Server:
    def __init__(self, home, children):
        self.home, self.children = home, children
        self.env = dict(os.environ, ECF_PORT=PORT, ECF_HOST="localhost", ECF_HOME=home,
                        ECF_TIMEOUT="60")

    def start(self):
        with open(os.path.join(self.home, "server.out"), "ab") as log:
            self.process = self.children.start(["ecflow_server"], env=self.env, cwd=self.home,
                                               stdout=log, stderr=log)
        end = time.monotonic() + 30
        while time.monotonic() < end:  # its own client would wait a second between tries
            try:
                socket.create_connection(("localhost", int(PORT)), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise Failed("ecflow_server does not answer")

    def tell(self, *args):
        done = subprocess.run(["ecflow_client"] + list(args), env=self.env, capture_output=True,
                              text=True)
        if done.returncode != 0:
            raise Failed("ecflow_client %s: %s" % (args[0], done.stderr.strip()[-200:]))

    def alive(self):
        return self.process.poll() is None

    def begin(self, path):
        self.tell("--load=" + path)
        self.tell("--restart")
        before = time.time()
        self.tell("--begin=s")
        return before


def definition(home, stamp, names, limit, in_line):
    os.makedirs(os.path.join(home, "files"))
    for name in names:
        with open(os.path.join(home, "files", name + ".ecf"), "w") as file:
            file.write(JOB)
    text = ["suite s", " edit ECF_HOME '%s'" % home, " edit ECF_FILES '%s/files'" % home,
            " edit OUT '%s/stamps'" % home, " edit STAMP '%s'" % stamp]
    if limit:
        text.append(" limit m %d" % limit)
    text.append(" family f")
    if limit:
        text.append("  inlimit /s:m")
    before = None
    for name in names:
        text.append("  task " + name)
        if in_line and before:
            text.append("   trigger %s == complete" % before)
        before = name
    path = os.path.join(home, "s.def")
    with open(path, "w") as file:
        file.write("\n".join(text + [" endfamily", "endsuite", ""]))
    return path


def main():
    home, stamp, what, count = sys.argv[1:4] + [int(sys.argv[4])]
    limit = int(sys.argv[5]) if what == "tasks" else 0
    children = measure.Children()
    names = ["t%d" % i for i in range(count)]
    out = os.path.join(home, "stamps")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    path = definition(home, stamp, names, limit, what == "chain")
    server = Server(home, children)
    try:
        server.start()
        before = server.begin(path)
        measure.await_lines(out, b"E", count, 500, server.alive)
    finally:
        children.end(server.process, signal.SIGKILL)  # it takes 10 s to heed anything else
    at = measure.stamps(out)
    if what == "chain":
        took = measure.links(at, names)
        result = {"links": len(took), "median_ms": 1e3 * measure.quantile(took, .5),
                  "p99_ms": 1e3 * measure.quantile(took, .99)}
    else:
        wall = max(at.values()) - before
        result = {"tasks": count, "wall_s": wall, "rate": count / wall}
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except (Failed, OSError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
