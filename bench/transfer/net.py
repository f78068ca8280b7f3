"""Two hosts joined by lines: network namespaces, veth pairs, tc tbf. Needs root."""
import os
import subprocess

from measure import Failed


def ip(*args):
    done = subprocess.run(["ip", *[str(a) for a in args]], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed("ip %s: %s" % (" ".join(str(a) for a in args), done.stderr.strip()))


class Net:
    """Line i (from 1) joins far 10.77.i.1 and near 10.77.i.2 by interfaces `linei`."""

    def __init__(self, lines, mbit):
        if os.geteuid() != 0:
            raise Failed("network namespaces need root")
        self.far, self.near = ["flb%d%s" % (os.getpid(), end) for end in "fn"]
        self.mbit = mbit
        self.lines = range(1, lines + 1)
        self.made = []
        try:
            for name in (self.far, self.near):
                ip("netns", "add", name)
                self.made.append(name)
                ip("-n", name, "link", "set", "lo", "up")
            for i in self.lines:
                ip("link", "add", "line%d" % i, "netns", self.far, "type", "veth", "peer", "name",
                   "line%d" % i, "netns", self.near)
                for name, end in ((self.far, 1), (self.near, 2)):
                    ip("-n", name, "addr", "add", "10.77.%d.%d/24" % (i, end), "dev", "line%d" % i)
                    ip("-n", name, "link", "set", "line%d" % i, "up")
                self.thaw(i)
        except Failed:
            self.close()
            raise

    def run(self, name):
        """What puts a command into a host."""
        return ["ip", "netns", "exec", name]

    def shape(self, line, rate, burst, more):
        for name in (self.far, self.near):
            done = subprocess.run(self.run(name) + [
                "tc", "qdisc", "replace", "dev", "line%d" % line, "root", "tbf", "rate", rate,
                "burst", burst, *more], capture_output=True, text=True)
            if done.returncode != 0:
                raise Failed("tc: " + done.stderr.strip())

    def thaw(self, line, mbit=None):
        self.shape(line, "%dmbit" % (mbit or self.mbit), "256kb", ["latency", "50ms"])

    def freeze(self, line):
        """Every packet is lost, and nobody is told."""
        self.shape(line, "8kbit", "10", ["limit", "10"])

    def close(self):
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        self.made = []
