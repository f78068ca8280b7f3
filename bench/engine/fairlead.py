"""The measurements of Fairlead: daemons as they are used, workflows as they are written."""
import os
import signal
import subprocess
import time

import measure
from measure import Failed, read_line

CYCLE = "20261124T0000Z"
SET_MAX = 4000  # members of one set of leads


def head(name, jobs, sets=()):
    text = ['workflow: { name = "%s";' % name,
            '  sites = { local = { root = "local"; }; };',
            '  pools = { local = { site = "local"; cores = 0; jobs = %d; }; };' % jobs]
    if sets:
        text.append("  leads = { %s };" % " ".join(
            '%s = "+000/+%03d/1";' % (key, count - 1) for key, count in sets))
    return "\n".join(text) + "\n  stages: {\n"


def chain(path, count, stamp, out):
    with open(path, "w") as file:
        file.write(head("chain", 8))
        for i in range(count):
            when = 'when = "s%d"; ' % (i - 1) if i else ""
            file.write('    s%d: { program = "%s"; args = ["%s", "s%d"]; cores = 0; %s};\n'
                       % (i, stamp, out, i, when))
        file.write("  };\n};\n")


def independent(path, count, jobs, stamp, out):
    with open(path, "w") as file:
        file.write(head("independent", jobs, [("m", count)]))
        file.write('    t: { program = "%s"; args = ["%s", "{lead}"]; per = "leads:m"; cores = 0; };\n'
                   % (stamp, out))
        file.write("  };\n};\n")


def layers(path, count, jobs=1000):
    """COUNT stages in layers; each member waits for its own of the layer before."""
    members = SET_MAX if count >= 10 * SET_MAX else max(1, count // 10)
    with open(path, "w") as file:
        file.write(head("layers", jobs, [("m", members)]))
        for i in range(count // members):
            when = 'when = "s%d"; ' % (i - 1) if i else ""
            file.write('    s%d: { program = "/bin/true"; per = "leads:m"; cores = 0; %s};\n'
                       % (i, when))
        file.write("  };\n};\n")


def fan(path, wide, jobs):
    parts = (wide + SET_MAX - 1) // SET_MAX
    with open(path, "w") as file:
        file.write(head("fan", jobs, [("m", wide // parts)]))
        file.write('    gate: { program = "/bin/true"; cores = 0; };\n')
        for i in range(parts):
            file.write('    f%d: { program = "/bin/true"; per = "leads:m"; cores = 0;'
                       ' when = "gate"; };\n' % i)
        file.write("  };\n};\n")
    return parts * (wide // parts)


class Centre:
    """A coordinator, and what works for it."""

    def __init__(self, build, scratch, name, children):
        self.build, self.children = build, children
        self.home = scratch.folder(name)
        self.state = os.path.join(self.home, "state")
        self.log = open(os.path.join(self.home, "log"), "ab")
        self.daemon = self.worker = None
        self.endpoint = "tcp://127.0.0.1:0"
        self.tell("keys", "setup", "bench", "--state", self.state)

    def program(self, name):
        return os.path.join(self.build, name)

    def tell(self, *args):
        done = subprocess.run([self.program("engine/cli/fairlead")] + [str(a) for a in args],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failed("fairlead %s: %s" % (args[0], done.stderr.strip()[-200:]))

    def start(self):
        """Gives the monotonic time before the start [ns]."""
        before = time.monotonic_ns()
        self.daemon = self.children.start(
            [self.program("engine/coordinator/fairleadd"), "--state", self.state, "--listen",
             self.endpoint], stdout=subprocess.PIPE, stderr=self.log)
        self.endpoint = read_line(self.daemon)["endpoint"]
        return before

    def start_worker(self, jobs):
        self.worker = self.children.start(
            [self.program("engine/worker/fairlead-worker"), "--name", "bench", "--coordinator",
             self.endpoint, "--keys", os.path.join(self.state, "keys"), "--site",
             "local=" + os.path.join(self.home, "local"), "--pool",
             "local:site=local,cores=%d,jobs=%d" % (jobs, jobs), "--no-doors"],
            stdout=self.log, stderr=self.log)

    def start_hands(self, workers, jobs, ends, *more):
        """Made-up workers; returns when the coordinator may know them."""
        hands = self.children.start(
            [self.program("bench/engine/bench_bus"), "workers", "--keys",
             os.path.join(self.state, "keys"), "--endpoint", self.endpoint, "--workers", workers,
             "--jobs", jobs, "--ends", ends] + list(more),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        read_line(hands)
        return hands

    def submit(self, path):
        before = time.time()
        self.tell("submit", path, "--cycle", CYCLE, "--state", self.state)
        return before

    def alive(self):
        return all(p is None or p.poll() is None for p in (self.daemon, self.worker))

    def kill(self):
        self.children.end(self.daemon, signal.SIGKILL)
        self.daemon = None

    def stop(self):
        for process in (self.worker, self.daemon):
            if process:
                self.children.end(process)
        self.log.close()


class Fairlead:
    """The rows; each call measures one and gives its figures."""

    def __init__(self, build, scratch, children):
        self.build, self.scratch, self.children = build, scratch, children
        self.stamp = os.path.join(build, "bench/engine/bench_stamp")

    def centre(self, name):
        return Centre(self.build, self.scratch, name, self.children)

    def probe(self, *args):
        return measure.run_json([os.path.join(self.build, "bench/engine/bench_probe")] + list(args))

    def core(self, verb, count):
        path = os.path.join(self.scratch.path, "layers%d.cfg" % count)
        if not os.path.exists(path):
            layers(path, count)
        return measure.run_json([os.path.join(self.build, "bench/engine/bench_core"), verb, path])

    def chain(self, count):
        centre = self.centre("chain")
        out = os.path.join(centre.home, "stamps")
        path = os.path.join(centre.home, "workflow.cfg")
        chain(path, count, self.stamp, out)
        sync = [self.probe("sync", centre.home, 200)["median_ms"]]
        centre.start()
        centre.start_worker(8)
        try:
            centre.submit(path)
            measure.await_lines(out, b"E", count, 300, centre.alive)
        finally:
            centre.stop()
        sync.append(self.probe("sync", centre.home, 200)["median_ms"])
        took = measure.links(measure.stamps(out), ["s%d" % i for i in range(count)])
        spawn = self.probe("spawn", 200, self.stamp, os.path.join(centre.home, "null"), "x")
        return {"links": len(took), "median_ms": 1e3 * measure.quantile(took, .5),
                "p99_ms": 1e3 * measure.quantile(took, .99), "max_ms": 1e3 * max(took),
                "sync_ms": sum(sync) / len(sync), "spawn_ms": spawn["median_ms"]}

    def independent(self, count, jobs):
        centre = self.centre("independent%d" % jobs)
        out = os.path.join(centre.home, "stamps")
        path = os.path.join(centre.home, "workflow.cfg")
        independent(path, count, jobs, self.stamp, out)
        centre.start()
        centre.start_worker(jobs)
        try:
            before = centre.submit(path)
            measure.await_lines(out, b"E", count, 300, centre.alive)
        finally:
            centre.stop()
        wall = max(measure.stamps(out).values()) - before
        return {"stages": count, "wall_s": wall, "rate": count / wall}

    def floor(self, count):
        """The same bodies without an engine, each with a folder and a record."""
        home = self.scratch.folder("floor")
        return self.probe("bodies", home, count, self.stamp, os.path.join(home, "stamps"), "x")

    def coordinator(self, count, workers=8, jobs=64):
        centre = self.centre("coordinator")
        path = os.path.join(centre.home, "workflow.cfg")
        layers(path, count, workers * jobs)
        centre.start()
        try:
            hands = centre.start_hands(workers, jobs, count)
            centre.submit(path)
            done = read_line(hands)
        finally:
            centre.stop()
        wall = (done["last_ns"] - done["first_ns"]) * 1e-9
        return {"stages": count, "wall_s": wall, "rate": 2 * count / wall}

    def restart(self, count, workers=8, jobs=64):
        centre = self.centre("restart")
        path = os.path.join(centre.home, "workflow.cfg")
        layers(path, count, workers * jobs)
        centre.start()
        try:
            hands = centre.start_hands(workers, jobs, count // 2, "--again")
            centre.submit(path)
            half = read_line(hands)
            centre.kill()
            before = centre.start()
            ready = time.monotonic_ns()
            after = read_line(hands)
            peak = measure.rss_kb(centre.daemon.pid, "VmHWM")
        finally:
            centre.stop()
        return {"stages": count, "ended": half["ended"], "ready_s": (ready - before) * 1e-9,
                "seconds": (after["new_launch_ns"] - before) * 1e-9, "peak_kb": peak,
                "store_kb": os.path.getsize(os.path.join(centre.state, "fairlead.db")) // 1024}

    def status(self, wide, workers=16):
        centre = self.centre("status")
        path = os.path.join(centre.home, "workflow.cfg")
        count = fan(path, wide, wide)
        centre.start()
        try:
            hands = centre.start_hands(workers, (wide + workers - 1) // workers, count + 1,
                                       "--hold", "/gate/")
            centre.submit(path)
            query = self.children.start(
                [centre.program("bench/engine/bench_bus"), "query", "--keys",
                 os.path.join(centre.state, "keys"), "--endpoint", centre.endpoint, "--run",
                 "fan/" + CYCLE], stdout=subprocess.PIPE, stderr=centre.log)
            read_line(query)
            hands.stdin.write(b"go\n")
            took = read_line(query)
        finally:
            centre.stop()
        return {"wide": count, "answers": took["count"], "median_ms": took["median_ms"],
                "p99_ms": took["p99_ms"], "max_ms": took["max_ms"]}
