"""What a door answers to somebody: ask.py URL NAME CA CERT|- KEY|-. Prints the status, or "refused"."""
import http.client
import socket
import ssl
import sys
import urllib.parse

url, name, ca, cert, key = sys.argv[1:6]
at = urllib.parse.urlsplit(url)
context = ssl.create_default_context(cafile=ca)
if cert != "-":
    context.load_cert_chain(cert, key)
try:
    raw = socket.create_connection((at.hostname, at.port), timeout=60)
    client = http.client.HTTPConnection(at.hostname, at.port)
    client.sock = context.wrap_socket(raw, server_hostname=name)
    client.request("GET", at.path)
    print(client.getresponse().status)
except (OSError, http.client.HTTPException):
    print("refused")
