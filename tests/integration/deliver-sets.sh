#!/bin/bash
# Sets shown by one rename at two sites, a webhook, deadlines, a full destination, withdrawal, kills.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
flow=$FL_TOP_SRCDIR/tests/integration/deliver/sets.cfg
run=sets/$cycle
plan 27
transfer=fairlead-transfer

# A listener that writes down what it is told, a line a notice; tells its port by `port`.
mkfifo port
python3 - 3>port 2>/dev/null <<'PYTHON' &
import http.server, os
class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open('notices', 'ab') as out:
            out.write(self.rfile.read(int(self.headers['Content-Length'])) + b'\n')
        self.send_response(204)
        self.end_headers()
server = http.server.HTTPServer(('127.0.0.1', 0), Listener)
os.write(3, b'%d\n' % server.server_port)
os.close(3)
server.serve_forever()
PYTHON
children+=($!)
read -r number <port
hook=http://127.0.0.1:$number/

fairlead run "$flow" --cycle $cycle --state state --set hook="$hook" >run.txt 2>&1
try "a run that delivers to two sites succeeds" same $? 0
comment <run.txt
for site in local far; do
    try "the set at $site is whole" same "$(cd state/$site/products/$run && echo *)" \
        "MANIFEST MANIFEST.json notes.f000.txt product.f000.txt product.f003.txt product.f006.txt"
    try "and proves itself" sh -c "cd state/$site/products/$run && sha256sum --quiet -c MANIFEST"
    try "nothing hidden is left beside it" same "$(ls -A state/$site/products/sets/.arriving)" ""
done
try "both deliveries were told of" same "$(grep -c '"event":"delivered"' notices)" 2
try "no product byte is left where it was made" same "$(grep -rl PRODUCT-BYTES state/hpc)" ""
try "why answers for one of the destinations" fairlead why --state state deliver-far
try "the deadline that had passed long ago was told, once for each delivery" same \
    "$(fairlead events --state state | grep -c 'deadline passed')" 2
$transfer custody state/local/products --json >ledger.json
try "the ledger has created, sent, received and removed for each file" json ledger.json \
    "len(d) == 4 and all(r['created'] and r['sent'] and r['received'] and r['removed'] for r in d)"

# A variant with the same products: nothing goes over the line again.
fairlead run "$flow" --cycle $cycle --variant east2 --state state --set hook="$hook" >variant.txt 2>&1
try "a variant succeeds" same $? 0
try "and its products were copied at the destination" sh -c \
    "cat state/local/work/sets/*east2/deliver-local/1/log/stderr | grep -q 'sent=0 already_there=0 reused=4'"

# Withdrawal.
try "a product is withdrawn" $transfer withdraw state/local/products --set "$run" --why "wrong sign" \
    --notify "$hook" product.f003.txt
try "it is out of sight" test ! -e state/local/products/$run/product.f003.txt
try "a notice says why" has "wrong sign" state/local/products/$run/WITHDRAWN.txt
try "who listens was told" same "$(grep -c '"event":"withdrawn"' notices)" 1
try "the rest proves itself" $transfer verify --quiet state/local/products/$run

# Kills at many moments of a whole delivery of many files.
mkdir many
for i in $(seq 300); do head -c $((i * 37)) /dev/urandom >many/file.$i; done
torn=0
for i in $(seq 25); do
    $transfer deliver --from many --set storm/one --to killed --release whole 2>/dev/null &
    victim=$!
    for _ in $(seq $((i * 40))); do :; done # later and later, without a clock
    kill -9 $victim 2>/dev/null
    wait $victim 2>/dev/null
    [ ! -e killed/storm/one ] || (cd killed/storm/one && sha256sum --quiet -c MANIFEST) || torn=1
done 2>/dev/null
try "a set that is killed on its way is there whole or not at all" same $torn 0
$transfer deliver --from many --set storm/one --to killed --release whole >last.txt 2>&1
try "the next one finishes it" same $? 0
try "with every file as it is" diff -r --exclude=MANIFEST --exclude=MANIFEST.json many killed/storm/one
$transfer custody killed --json >killed.json
try "and the ledger is true" json killed.json \
    "len([r for r in d if not r['superseded']]) == 300 and all(r['state'] == 'received' for r in d if not r['superseded'])"

# A destination that is full.
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=3m tmpfs small 2>/dev/null; then
    head -c 1500000 /dev/zero >small/ballast
    mkdir big && for i in 1 2; do head -c 900000 /dev/urandom >big/$i.bin; done
    : >full.log
    $transfer deliver --from big --set full --to small/products --release each 2>full.log &
    victim=$!
    tail -F full.log 2>/dev/null | grep -q -m1 'is full' # returns when it says so
    try "a full destination is told of" has "goes on by itself" full.log
    try "and holds nothing under a final name that is not whole" same \
        "$(cd small/products/full 2>/dev/null && for f in *.bin; do [ -e "$f" ] && ! cmp -s "$f" "../../../big/$f" && echo "$f"; done)" ""
    rm small/ballast
    wait $victim
    try "it goes on by itself when there is room" same $? 0
    try "and the set is true" $transfer verify --quiet small/products/full
    umount small
else
    for what in "is told of" "holds nothing" "goes on" "is true"; do skip "a full destination $what" "no right to mount"; done
fi
