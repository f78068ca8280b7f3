"""A wire that is listened to: relay.py PORT-FILE CAPTURE. Prints its address; forwards each connection
to the port that PORT-FILE names at that moment on 127.0.0.1, writes all bytes that pass to CAPTURE,
and prints "half" once 12 MB have passed; then nothing passes until it is given a line."""
import select
import socket
import sys

port_file, capture = sys.argv[1], open(sys.argv[2], "wb", buffering=0)
door = socket.create_server(("127.0.0.1", 0), backlog=64)
print("127.0.0.1:%d" % door.getsockname()[1], flush=True)
pairs, passed = {}, 0


def drop(end):
    other = pairs.pop(end, None)
    if other is not None:
        pairs.pop(other, None)
        other.close()
    end.close()


while True:
    for end in select.select([door] + list(pairs), [], [])[0]:
        if end is door:
            near = door.accept()[0]
            try:
                far = socket.create_connection(("127.0.0.1", int(open(port_file).read())))
            except OSError:
                near.close()
                continue
            pairs[near], pairs[far] = far, near
            continue
        if end not in pairs:
            continue
        try:
            data = end.recv(65536)
            if data:
                pairs[end].sendall(data)
        except OSError:
            data = b""
        if not data:
            drop(end)
            continue
        capture.write(data)
        if passed < 12000000 <= passed + len(data):
            print("half", flush=True)
            sys.stdin.readline()
        passed += len(data)
