"""What the measurements share: scratch folders, children, times that bodies wrote."""
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time


class Failed(Exception):
    """A measurement that could not be made; its row says why."""


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


class Children:
    """Processes that were started here; each is ended by its own handle."""

    def __init__(self):
        self.list = []

    def start(self, args, **more):
        child = subprocess.Popen([str(a) for a in args], bufsize=0, **more)
        self.list.append(child)
        return child

    def end(self, child, how=signal.SIGTERM):
        if child.poll() is None:
            child.send_signal(how)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()
        if child in self.list:
            self.list.remove(child)

    def end_all(self):
        for child in reversed(list(self.list)):
            self.end(child)


def read_line(child, limit=300):
    """The next line of a child's unbuffered standard output, as JSON."""
    end, line = time.monotonic() + limit, b""
    while not line.endswith(b"\n"):
        ready = select.select([child.stdout], [], [], max(0, end - time.monotonic()))[0]
        if not ready:
            raise Failed("'%s' said nothing for %d s" % (os.path.basename(child.args[0]), limit))
        byte = child.stdout.read(1)
        if not byte:
            raise Failed("'%s' has ended early" % os.path.basename(child.args[0]))
        line += byte
    return json.loads(line)


class Scratch:
    """A folder of its own below BASE, gone at the end unless it is kept."""

    def __init__(self, base, keep=False):
        os.makedirs(base, exist_ok=True)
        self.path = tempfile.mkdtemp(prefix="bench-", dir=base)
        self.keep = keep

    def folder(self, name):
        path = os.path.join(self.path, name)
        os.makedirs(path)
        return path

    def remove(self):
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)


def run_json(args, timeout=600):
    """The JSON that a program prints; Failed with its last words when it fails."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(words[-1] if words else "exit %d" % done.returncode)
    return json.loads(done.stdout.strip().splitlines()[-1])


def stamps(path):
    """{(what, name): seconds} of a file of bench_stamp."""
    at = {}
    try:
        with open(path) as file:
            for line in file:
                part = line.split()
                if len(part) == 3:
                    at[(part[0], part[2])] = int(part[1]) * 1e-9
    except FileNotFoundError:
        pass
    return at


def await_lines(path, mark, count, limit, alive):
    """Waits until a file has COUNT lines that begin with MARK. ALIVE tells whether to go on.
    Reads only what is new; looks 50 times a second, which the measured ones do not notice."""
    end = time.monotonic() + limit
    found, at, rest = 0, 0, b""
    while time.monotonic() < end:
        if os.path.exists(path):
            with open(path, "rb") as file:
                file.seek(at)
                new = file.read()
            at += len(new)
            lines = (rest + new).split(b"\n")
            rest = lines.pop()
            found += sum(line.startswith(mark) for line in lines)
        if found >= count:
            return
        if not alive():
            raise Failed("a process of the measurement has ended; %d of %d" % (found, count))
        time.sleep(0.02)
    raise Failed("only %d of %d came within %d s" % (found, count, limit))


def links(at, names):
    """Seconds from the end of each body to the start of the next."""
    pairs = zip(names, names[1:])
    return [at[("S", b)] - at[("E", a)] for a, b in pairs if ("E", a) in at and ("S", b) in at]


def rss_kb(pid, name="VmRSS"):
    with open("/proc/%d/status" % pid) as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


def machine(path):
    """Cores and the kind of disk below PATH, no more."""
    kind = "unknown disk"
    try:
        device = os.stat(path).st_dev
        block = os.path.realpath("/sys/dev/block/%d:%d" % (os.major(device), os.minor(device)))
        if "/virtio" in block:
            return {"cores": os.cpu_count(), "disk": "virtual disk"}
        for where in (block, block + "/.."):
            rotational = os.path.join(where, "queue", "rotational")
            if os.path.exists(rotational):
                with open(rotational) as file:
                    kind = "hard disk" if file.read().strip() == "1" else "solid-state disk"
                break
        else:
            with open("/proc/self/mounts") as file:
                types = {p[1]: p[2] for p in (line.split() for line in file)}
            real = os.path.realpath(path)
            while real not in types and real != "/":
                real = os.path.dirname(real)
            kind = "disk under " + types.get(real, "an unknown file system")
    except OSError:
        pass
    return {"cores": os.cpu_count(), "disk": kind}
