"""What the measurements of whole files share: content, a private nginx with a site's keys, peers."""
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "bench", "engine"))
from measure import Children, Failed, Scratch  # noqa: E402,F401

MIB = 1 << 20


def make_content(path, size):
    """Bytes that do not compress; the same each time. Its SHA-256."""
    digest = hashlib.sha256()
    block = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(MIB // 32))
    with open(path, "wb") as file:
        left, n = size, 0
        while left > 0:
            part = (hashlib.sha256(b"head %d" % n).digest() + block)[:min(left, MIB)]
            file.write(part)
            digest.update(part)
            left -= len(part)
            n += 1
    return digest.hexdigest()


def fairlead(build):
    return os.path.join(build, "engine", "cli", "fairlead")


def transfer(build):
    return os.path.join(build, "data-fetch", "fairlead-transfer")


def make_keys(build, folder, sites=("hpc", "local")):
    """A folder of keys for these sites, by `fairlead keys`."""
    def keys(*args):
        done = subprocess.run([fairlead(build), "keys", *args, "--keys", folder],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("fairlead keys: " + done.stderr.strip())
    keys("setup")
    for site in sites:
        keys("site", site)


class Nginx:
    """A private nginx that serves ROOT over TLS 1.3 and over HTTP, as the site hpc. With CLIENTS it
    asks for a certificate of our authority."""

    def __init__(self, folder, root, keys, address="127.0.0.1", tls=0, plain=0, clients=True,
                 prefix=(), more=""):
        if not shutil.which("nginx") and not os.path.exists("/usr/sbin/nginx"):
            raise Failed("nginx is not installed")
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        temp = "".join(" %s_temp_path %s/%s;" % (n, folder, n) for n in
                       ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        listen = "server { listen %s:%d; }" % (address, plain) if plain else ""
        with open(folder + "/nginx.conf", "w") as file:
            file.write("""worker_processes 2; daemon off; pid %s/pid; error_log %s/log warn; user root;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; root %s; %s %s
 %s
 server { listen %s:%d ssl; ssl_certificate %s/hpc.pem; ssl_certificate_key %s/hpc.key;
  ssl_protocols TLSv1.3; %s }
}
""" % (folder, folder, root, temp, more, listen, address, tls, keys, keys,
       "ssl_client_certificate %s/ca.pem; ssl_verify_client optional;" % keys if clients else ""))
        self.children = Children()
        self.child = self.children.start([*prefix, "nginx", "-c", folder + "/nginx.conf"],
                                         stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not os.path.exists(folder + "/pid") or not open(folder + "/pid").read().strip():
            if self.child.poll() is not None or time.monotonic() > end:
                raise Failed("nginx does not start")
            time.sleep(0.02)

    def cpu(self):
        """CPU seconds of its workers."""
        master = open(self.folder + "/pid").read().strip()
        total = 0
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open("/proc/%s/stat" % name) as file:
                    part = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if part[1] == master or name == master:
                total += int(part[11]) + int(part[12])
        return total / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.children.end_all()


def timed(args, folder, server=None, env=None, limit=300):
    """Runs ARGS (a list, or a line for the shell) in an emptied FOLDER: seconds, CPU seconds of
    both ends, memory."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    before, used = server.cpu() if server else 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(args, shell=isinstance(args, str), cwd=folder, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, timeout=limit, env={**os.environ, **(env or {})})
    took, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise Failed("exit %d: %s" % (done.returncode, words[-1] if words else ""))
    return {"seconds": took,
            "client_cpu": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime,
            "server_cpu": (server.cpu() if server else 0) - before}


def median_of(runs):
    return {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}


def inputs(path, files):
    """An inputs.json: FILES are (name, url, size, sha256)."""
    with open(path, "w") as file:
        json.dump({"version": 1, "inputs": [
            {"input": "file", "stage": "serve", "output": "file", "file": name, "site": "hpc",
             "path": "work/serve/1/out/" + name, "url": url, "size": size, "sha256": sha256}
            for name, url, size, sha256 in files]}, file)


def site_file(path, keys, lines=()):
    """A site file of site local; LINES are (name, local, peer, more)."""
    text = ", ".join('{ name = "%s"; %speer = "%s"; %s }' %
                     (name, 'local = "%s"; ' % local if local else "", peer, more)
                     for name, local, peer, more in lines)
    with open(path, "w") as file:
        file.write('site: { name = "local"; keys = "%s";\n' % keys)
        if text:
            file.write('  peers = ( { site = "hpc"; lines = ( %s ); } );\n' % text)
        file.write("};\n")
