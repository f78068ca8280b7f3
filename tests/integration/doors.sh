#!/bin/bash
# Two sites with keys of their own: a file goes from one to the other over TLS with a grant, while
# the wire is listened to and the door is killed; who has no key, or no grant, gets nothing.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
here=$FL_TOP_SRCDIR/tests/integration/doors
plan 21

# What each host has: node1 the coordinator's folder, node2 a copy of what was made for it.
fairlead keys setup node1 --state state >/dev/null
fairlead keys site hpc --state state >/dev/null
fairlead keys site store --state state >site.txt
try "a site's key is made, with what to copy where" has "store.pem" site.txt
fairlead keys worker node2 --state state >worker.txt
try "another worker's folder of keys is made, with what to do with it" has "scp -rp" worker.txt
try "setup for a second worker is refused: one key is one worker" \
    exits 78 fairlead keys setup node2 --state state
cp -rp state/keys/hosts/node2 keys2
mv state/keys/store.pem state/keys/store.key keys2/
fairlead keys list --state state >list.txt
try "keys are listed with the day on which they end" has "until 20" list.txt
try "no secret of the coordinator left its host" \
    same "$(ls keys2 | tr '\n' ' ')" "ca.pem coordinator.pub grant.pub store.key store.pem worker.key worker.pub "

mkfifo go
exec 5< <(exec python3 "$here/relay.py" hpc/work/.door-port capture <go)
children+=("$!")
exec 8>go
read -r wire <&5
echo 'site: { name = "hpc"; keys = "state/keys"; door = { listen = "127.0.0.1:0"; connections = 16; }; };' >hpc.cfg
echo "site: { name = \"store\"; keys = \"keys2\";
  peers = ( { site = \"hpc\"; lines = ( { name = \"wire\"; peer = \"$wire\"; cap = \"96Mbit\"; } ); } ); };" >store.cfg

exec 6< <(exec fairleadd --state state --listen tcp://127.0.0.1:0 2>daemon.txt)
daemon=$!
children+=("$daemon")
read -r line <&6
echo "$line" >ready.json
endpoint=$(json ready.json "d['endpoint']")
fairlead-worker --name node1 --coordinator "$endpoint" --keys state/keys --site hpc=hpc \
    --site-file hpc=hpc.cfg --pool main:site=hpc,cores=2 >worker1.txt 2>&1 &
worker1=$!
fairlead-worker --name node2 --coordinator "$endpoint" --keys keys2 --site store=store \
    --site-file store=store.cfg --pool far:site=store,cores=2 >worker2.txt 2>&1 &
worker2=$!
children+=("$worker1" "$worker2")
fairlead submit "$here/workflow.cfg" --cycle $cycle --state state >submit.txt 2>&1
exec 7< <(exec fairlead events --state state --follow --json)
children+=("$!")

read -r half <&5
door=$(pgrep -P "$worker1" -f "serve --root")
kill -9 "$door"
echo go >&8
try "the door is killed when half of the file has passed" same "$half" half
grep -qm1 '"type":"run-ended"' <&7
fairlead status --state state --json >status.json
try "the run succeeds all the same" json status.json "d['state'] == 'succeeded'"
big=$(echo hpc/work/doors/*/make/1/out/big.txt)
try "the file that came is the file that was made" \
    same "$(cut -c1-64 store/work/doors/*/take/1/out/sum.txt)" "$(sha256sum <"$big" | cut -c1-64)"
fairlead events --state state --json >events.json
try "the same attempt of the transfer went on" json events.json \
    "sum(e['type'] == 'attempt-launched' for e in d) == 3"
try "all of it went over the wire that is listened to" \
    test "$(stat -c %s capture)" -gt "$(stat -c %s "$big")"
try "and not half of it twice" \
    test "$(stat -c %s capture)" -lt $(($(stat -c %s "$big") * 3 / 2))
try "the capture shows no byte of the file" exits 1 grep -aq "PRODUCT-BYTES" capture
try "nor what was asked for, nor the grant" exits 1 grep -aqE "work/doors|signature|expires" capture
try "the stage was told what it may read" \
    json store/work/doors/*/make*/1/data/inputs.json "d['grants'][0]['site'] == 'hpc'"

# Others at the door.
port=$(cat hpc/work/.door-port)
folder=${big#hpc/}
folder=${folder%/*}
ask() { python3 "$here/ask.py" "https://127.0.0.1:$port/$folder/$1" hpc "${@:2}"; }
try "a site with a key gets the file that its grant names" \
    same "$(ask big.txt keys2/ca.pem keys2/store.pem keys2/store.key)" 200
try "and no other" same "$(ask secret.txt keys2/ca.pem keys2/store.pem keys2/store.key)" 403
fairlead keys setup x --keys strange >/dev/null
fairlead keys site store --keys strange >/dev/null
try "who shows no key is refused" same "$(ask big.txt keys2/ca.pem - -)" refused
try "so is one with the key of another authority, under the same name" \
    same "$(ask big.txt keys2/ca.pem strange/store.pem strange/store.key)" refused
try "a door of another authority is not believed" \
    same "$(ask big.txt strange/ca.pem keys2/store.pem keys2/store.key)" refused
try "the door's log says who was refused, and why" \
    grep -q "door.refused peer='127.0.0.1' why='its certificate is of an authority" hpc/work/.door-log
kill "$worker1"
wait "$worker1"
try "its figures are in the log when it ends" grep -q "door.counts requests=.* refused=[1-9]" hpc/work/.door-log
