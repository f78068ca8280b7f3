#!/bin/bash
# A file of another site comes whole over two lines that are cut, frozen, throttled and flap, and
# whichever end is killed; only what is missing comes again. Real network namespaces; the door is
# our own, with the keys of `fairlead keys`. check-full kills more often.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/netns.sh"
PATH=$FL_TOP_BUILDDIR/engine/cli:$FL_TOP_BUILDDIR/data-fetch:$PATH
why=$(net_possible) || skip_all "$why"
plan 24

top=$(mktemp -d "$PWD/lines.XXXXXX")
cd "$top" || bail "no folder"
export FAIRLEAD_BOOK=$top/book
children=()
leave() {
    local child
    for child in "${children[@]}"; do kill -9 "$child" 2>/dev/null; done
    wait
    net_close
    cd / && rm -rf "$top"
}
trap leave EXIT

mbit=200
size=$((32 * 1024 * 1024))
file=work/model/1/out/field.bin
net_open 2 $mbit || bail "no lines"
mkdir -p "far/${file%/*}"
head -c $size /dev/urandom >"far/$file"
sha=$(sha256sum "far/$file")
sha=${sha%% *}
{ fairlead keys setup --keys keys && fairlead keys site hpc --keys keys &&
    fairlead keys site local --keys keys; } >/dev/null 2>&1 || bail "no keys"
cat >site.cfg <<SITE
site: { name = "local"; keys = "keys"; peers = ( { site = "hpc"; lines = (
  { name = "first"; local = "10.77.1.2"; peer = "10.77.1.1:7443"; },
  { name = "second"; local = "10.77.2.2"; peer = "10.77.2.1:7443"; } ); } ); };
SITE
cat >inputs.json <<INPUTS
{"version":1,"inputs":[{"input":"field","stage":"model","output":"field","file":"field.bin",
 "site":"hpc","path":"$file","url":"https://10.77.1.1:7443/$file","size":$size,"sha256":"$sha"}]}
INPUTS

door_start() {
    exec 5< <(exec ip netns exec "$net_far" fairlead-transfer serve --root far --name hpc --keys keys \
        --listen 10.77.1.1:7443 --listen 10.77.2.1:7443 --no-grants 2>>door.txt)
    door=$!
    children+=("$door")
    read -r _ <&5 && read -r _ <&5 || bail "the door does not open: $(cat door.txt)"
}
# The transfer, in the background; its number in reader.
stage_start() {
    (exec ip netns exec "$net_near" fairlead-transfer stage --inputs inputs.json --site site.cfg \
        --to to "$@" 2>>stage.txt) &
    reader=$!
    children+=("$reader")
}
# Waits until the near host has that many more bytes than `before`, or the reader has ended.
after_bytes() {
    while kill -0 "$reader" 2>/dev/null && [ $(($(received) - before)) -lt "$1" ]; do
        read -rt 0.02 <>pause
    done
}
received() { echo $(($(net_bytes 1) + $(net_bytes 2))); }
begin() {
    rm -rf to stage.txt
    before=$(received)
}
# whole "sentence": the transfer has ended well and the file is right.
whole() {
    local code
    wait "$reader"
    code=$?
    [ $code = 0 ] && cmp -s "far/$file" to/field.bin && [ -z "$(ls -A to/.incoming 2>/dev/null)" ]
    result $? "$1"
    { echo "$1: $(($(received) - before)) bytes received, the file has $size"
      grep -ho "transfer.line[ .].*" stage.txt; } | comment
}
both_lines() { net_join 1 && net_join 2 && net_rate 1 $mbit && net_rate 2 $mbit; }
mkfifo pause
door_start

begin
stage_start
whole "both lines carry it"
[ "$(grep -o "line='[a-z]*' bytes=[1-9][0-9]*" stage.txt | sort -u | wc -l)" = 2 ]
result $? "each has its part"
[ $(($(received) - before)) -lt $((size * 11 / 10)) ]
result $? "nothing comes twice"

begin
stage_start
after_bytes $((size / 4))
net_freeze 2
whole "a line that is frozen loses its pieces to the other"
both_lines

begin
stage_start
after_bytes $((size / 4))
net_cut 1
whole "so does one that is cut"
both_lines

begin
stage_start
after_bytes $((size / 4))
net_rate 1 2
whole "so does one that becomes slow"
both_lines

begin
stage_start
after_bytes $((size / 4))
net_freeze 1
net_freeze 2
grep -qm2 "state='down'" < <(tail -n +1 -f --pid="$reader" stage.txt | grep --line-buffered "state='down'")
both_lines
whole "when both are frozen it goes on by itself once they are back"

begin
stage_start
while kill -0 "$reader" 2>/dev/null; do
    net_freeze 2
    read -rt 0.7 <>pause
    net_rate 2 $mbit
    read -rt 0.7 <>pause
done
whole "a line that comes and goes does no harm"
both_lines

begin
stage_start
after_bytes $((size / 4))
kill -9 "$door"
wait "$door" 2>/dev/null
door_start
whole "a door that is killed and comes back is asked again"

# The reader is killed at random instants, and taken up each time.
begin
kills=5
[ "${FL_FULL:-}" ] && kills=100
for ((n = 0, alive = 0; n < kills; n++)); do
    stage_start
    after_bytes $((($(received) - before) + RANDOM * size / 32768 / kills))
    kill -9 "$reader" 2>/dev/null && alive=$((alive + 1))
    wait "$reader" 2>/dev/null
    [ -e to/field.bin ] && { cmp -s "far/$file" to/field.bin || break; }
done
[ $n = $kills ]
result $? "whenever the reader is killed, its name holds nothing or the right bytes"
echo "$alive of $kills hit it alive" | comment
stage_start
whole "and a last one makes it whole"
[ $(($(received) - before)) -lt $((size * 11 / 10 + alive * 8 * 1024 * 1024)) ]
result $? "only what was missing came again"

# Someone else's bytes in our hidden file: the digest decides.
begin
mkdir -p to/.incoming
stage_start
after_bytes $((size / 4))
kill -9 "$reader"
wait "$reader" 2>/dev/null
dd if=/dev/urandom of=to/.incoming/field.bin.part bs=4096 count=4 conv=notrunc 2>/dev/null
stage_start
whole "bytes that were spoiled meanwhile are fetched again"

# say "words": waits until the transfer's log has them.
say() { grep -qm1 -- "$1" < <(tail -n +1 -f --pid="$reader" stage.txt); }
# line_of FILE NAME EXPRESSION: true when the Python expression over l, that line, is.
line_of() {
    python3 -c '
import json, sys
l = [l for l in json.load(open(sys.argv[1]))["lines"] if l["line"] == sys.argv[2]][0]
print(sys.argv[3], l)
sys.exit(not eval(sys.argv[3]))' "$@" >seen.txt
    local code=$?
    [ $code = 0 ] || comment <seen.txt
    return $code
}
near_lines() { near fairlead-transfer lines --site site.cfg "$@"; }

# What `lines` says.
near_lines --json >idle.json && line_of idle.json first 'l["state"] == "idle"'
result $? "lines that nobody uses are told as idle"
near_lines --probe --json >probe.json && line_of probe.json first \
    'l["state"] == "up" and l["connect_ms"] > 0 and l["why"] == "the door answers"'
result $? "a probe finds the door at the end of each"
net_cut 2
near_lines --probe --json >cut.json && line_of cut.json second 'l["state"] == "down" and l["why"]' &&
    line_of cut.json first 'l["state"] == "up"'
result $? "and says why one is down"
both_lines
begin
stage_start
after_bytes $((size / 4))
net_freeze 2
say "state='down'"
while near_lines --json >used.json; ! line_of used.json second '"silent" in l["why"]' >/dev/null; do
    kill -0 "$reader" || break # it is told with the next record
done
line_of used.json second 'l["state"] == "down" and l["transfers"] == 1 and l["downs"] == 1' &&
    line_of used.json first 'l["state"] == "up" and l["bytes_s"] > 0 and l["rtt_ms"] >= 0'
result $? "a running transfer says how its lines are"
both_lines
whole "and goes on"
near_lines >table.txt && grep -q "^site  *line  *state" table.txt && grep -q "^hpc  *second" table.txt
result $? "people get a table"

# Bytes that are needed sooner go first.
net_rate 1 40
net_rate 2 40
begin
stage_start
first=$reader
after_bytes $((size / 4))
(exec ip netns exec "$net_near" fairlead-transfer stage --inputs inputs.json --site site.cfg \
    --to sooner --deadline 20991231T0000Z 2>>sooner.txt) &
sooner=$!
children+=("$sooner")
wait "$sooner" && [ ! -e to/field.bin ] && kill -0 "$first"
result $? "a transfer with a deadline ends before one without that began earlier"
grep -q transfer.yields stage.txt
result $? "which said that it yields"
whole "and is whole after it"
both_lines

# Burst lines and caps.
sed -i "s/peer = \"10.77.2.1:7443\";/& burst = true; cost = 0.5;/" site.cfg
begin
stage_start
wait "$reader" && grep -q "line='second' bytes=0 again=0" stage.txt
result $? "a burst line is not used without need"
net_rate 1 50
begin
stage_start --deadline "$(date -u -d '+4 seconds' +%Y%m%dT%H%M%SZ)"
wait "$reader" && grep -q "line='second'.*why='joined" stage.txt &&
    ! grep -q "line='second' bytes=0 " stage.txt && grep -q "line='second' .*cost=[1-9]" stage.txt
result $? "it joins when a deadline would be missed, and what it cost is told"
grep -ho "transfer.line[ .].*" stage.txt | comment
