#!/bin/bash
# The state's disk is full while a run goes on: nothing is dispatched, an alarm says so wherever one
# looks, questions are answered, actions refused, and all goes on when there is space. Twice: with a
# limit on the size of the daemon's files (any user may set one), and with a file system of its own
# that is really full (who may mount one). check-full waits longer than a lease meanwhile.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 38

cat >body.sh <<'BODY'
#!/bin/sh
# body.sh STAGE TRAIL GATE: the first one waits at the gate.
set -eu
echo "$1" >>"$2"
[ "$1" = first ] && read -r _ <"$3"
echo done >"$FAIRLEAD_OUTPUT_DIR/out.txt"
BODY
cat >workflow.cfg <<'FLOW'
workflow: {
  name = "held"; params = { trail = "/dev/null"; gate = ""; };
  stages: {
    first:  { program = "sh"; files = ["body.sh"]; args = ["body.sh", "first", "{trail}", "{gate}"];
              outputs = { out = "out.txt"; }; };
    second: { program = "sh"; files = ["body.sh"]; args = ["body.sh", "second", "{trail}", "-"];
              inputs = { from = "first.out"; }; outputs = { out = "out.txt"; }; };
    third:  { program = "sh"; files = ["body.sh"]; args = ["body.sh", "third", "{trail}", "-"];
              inputs = { from = "second.out"; }; outputs = { out = "out.txt"; }; };
  };
};
FLOW

# say FILE WORDS: waits until the daemon's log has the words.
say() { tail -n +1 -f --pid="$daemon" "$1" 2>/dev/null | grep -qm1 -- "$2"; }
# daemon_start STATE: the daemon, its number in daemon, where it is in endpoint.
daemon_start() {
    exec 5< <(exec fairleadd --state "$1" --log-ahead 0 2>>"$name.txt")
    daemon=$!
    children+=("$daemon")
    read -r line <&5
    echo "$line" >ready.json
    endpoint=$(json ready.json "d['endpoint']")
}

# scenario STATE FILL FREE: commands that fill the disk and make space again.
scenario() {
    local state=$1 fill=$2 free=$3 lag
    rm -f trail gate
    mkfifo gate
    : >"$name.txt"
    fairlead keys setup node1 --state "$state" >/dev/null
    daemon_start "$state"
    fairlead-worker --name node1 --coordinator "$endpoint" --keys "$state/keys" --site local="$name-site" \
        --pool local:site=local,cores=2 --no-doors >worker.txt 2>&1 &
    worker=$!
    children+=("$worker")
    exec 7< <(exec fairlead events --state "$state" --follow --json)
    events=$!
    children+=("$events")
    try "$name: a run is submitted" fairlead submit workflow.cfg --cycle $cycle --state "$state" \
        --set trail="$work/trail" --set gate="$work/gate"
    grep -qm1 '"type":"attempt-begun"' <&7
    try "$name: its first stage begins" same $? 0
    $fill
    echo open >gate
    try "$name: the daemon says that the disk is full" say "$name.txt" disk.full
    try "$name: status answers, and says it" fairlead status --state "$state"
    cp last status.txt
    comment <status.txt
    try "$name: in words" has "ALARM disk.full" status.txt
    fairlead runs --state "$state" --json >runs.json
    try "$name: so does runs" json runs.json "d['alarm']['alarm'] == 'disk.full' and d['alarm']['held'] > 0"
    try "$name: an action is refused, for now" exits 75 fairlead hold "held/$cycle" --state "$state"
    cp last hold.txt
    try "$name: and told why" has "nothing can be recorded now" hold.txt
    if [ -n "${FL_FULL:-}" ]; then # longer than a lease of 15 s: a question that waits 20 s for an event
        fairlead events --state "$state" --from 1000000 --follow >none.txt 2>&1 &
        children+=("$!")
        lag=$!
        tail -f /dev/null --pid="$lag" & # ends with it
        read -r -t 20 _ <"$work/never"
        kill "$lag"
    fi
    try "$name: no further body was started" same "$(bodies trail)" "first,"
    $free
    grep -qm1 '"type":"run-ended"' <&7
    try "$name: with space it goes on to the end" same $? 0
    fairlead events --state "$state" --json >events.json
    try "$name: no event is lost" json events.json "[e['seq'] for e in d] == list(range(1, len(d) + 1))"
    try "$name: the run succeeded" json events.json "d[-1]['type'] == 'run-ended' and d[-1]['state'] == 'succeeded'"
    try "$name: each body ran once" same "$(bodies trail)" "first,second,third,"
    try "$name: no worker was taken for gone" json events.json "not [e for e in d if e['type'] == 'worker-left']"
    fairlead runs --state "$state" --json >runs.json
    try "$name: the alarm is over" json runs.json "'alarm' not in d"

    # full again, and then the daemon is stopped and started: what it held came from its worker, who says it again
    rm -f trail
    try "$name: a second run" fairlead submit workflow.cfg --cycle $cycle --variant b --state "$state" \
        --set trail="$work/trail" --set gate="$work/gate"
    grep -qm1 '"type":"attempt-begun"' <&7
    : >"$name.txt"
    $fill
    echo open >gate
    say "$name.txt" disk.full
    kill "$events"
    kill -9 "$daemon"
    wait "$daemon" 2>/dev/null
    $free
    daemon_start "$state"
    kill "$worker"
    wait "$worker" 2>/dev/null
    fairlead-worker --name node1 --coordinator "$endpoint" --keys "$state/keys" --site local="$name-site" \
        --pool local:site=local,cores=2 --no-doors >>worker.txt 2>&1 &
    worker=$!
    children+=("$worker")
    exec 7< <(exec fairlead events --state "$state" --from "$(json events.json 'len(d)')" --follow --json)
    children+=("$!")
    grep -m1 '"type":"run-ended".*"run":"held/.*#b"\|"run":"held/.*#b".*"type":"run-ended"' <&7 >ended.json
    try "$name: killed while the disk was full, the run goes on after all" has '"state":"succeeded"' ended.json
    try "$name: and each of its bodies ran once" same "$(bodies trail)" "first,second,third,"
    fairlead stop --state "$state" >/dev/null
    wait "$daemon"
    try "$name: stop ends the daemon" same $? 0
    kill "$worker"
    wait "$worker" 2>/dev/null
}
mkfifo never
exec 8<>never

# No file of the daemon may grow any more.
limit_files() { prlimit --pid "$daemon" --fsize="$(stat -c %s limited/fairlead.db-wal)":; }
free_files() { kill -0 "$daemon" 2>/dev/null && prlimit --pid "$daemon" --fsize=unlimited:; true; }
name=limited
scenario limited limit_files free_files

fill_disk() { cat /dev/zero >disk/filler 2>/dev/null; }
free_disk() { rm -f disk/filler; }
name=full
mkdir disk
if mount -t tmpfs -o size=4m none disk 2>/dev/null; then
    trap 'finish; umount "$work/disk" 2>/dev/null; rm -rf "$work"' EXIT
    scenario disk/state fill_disk free_disk
else
    for i in $(seq 19); do skip "full: a file system that is really full ($i)" "may not mount one"; done
fi
