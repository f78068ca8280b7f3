#!/bin/bash
# The record: followed over a restart of the coordinator, replayed up to an event, checked, backed up
# while a run goes on, and restored elsewhere after the state is lost: the run goes on, nothing twice.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 30

cat >body.sh <<'BODY'
#!/bin/sh
# body.sh TRAIL GATE: the last one waits at the gate.
set -eu
echo "step $FAIRLEAD_LEAD" >>"$1"
[ "$FAIRLEAD_LEAD" = +039 ] && read -r _ <"$2"
echo done >"$FAIRLEAD_OUTPUT_DIR/$3"
BODY
cat >workflow.cfg <<'FLOW'
workflow: {
  name = "load"; params = { trail = "/dev/null"; gate = ""; };
  leads = { hours = "+000/+039/1"; };
  stages: {
    step: { per = "leads:hours"; program = "sh"; files = ["body.sh"];
            args = ["body.sh", "{trail}", "{gate}", "out.{lead}.txt"];
            outputs = { out = "out.{lead}.txt"; }; };
  };
};
FLOW
mkfifo gate
all=$(for i in $(seq 0 39); do printf 'step +%03d,' "$i"; done)

# daemon_start STATE ADDRESS
daemon_start() {
    exec 5< <(exec fairleadd --state "$1" --listen "$2" --keys state/keys 2>>daemon.txt)
    daemon=$!
    children+=("$daemon")
    read -r line <&5
    echo "$line" >ready.json
    endpoint=$(json ready.json "d['endpoint']")
}
# follow STATE FROM: its lines come from descriptor 7, and go to followed.json
follow() {
    exec 7< <(exec fairlead events --state "$1" --from "$2" --follow --json 2>follow.txt)
    follower=$!
    children+=("$follower")
}
# await COUNT WORDS: until so many lines had the words
await() {
    local line left=$1
    while [ "$left" -gt 0 ] && read -r -t 15 line <&7; do
        echo "$line" >>followed.json
        [[ $line == *"$2"* ]] && left=$((left - 1))
    done
    [ "$left" -eq 0 ]
}

fairlead keys setup node1 --state state >/dev/null
daemon_start state tcp://127.0.0.1:0
fairlead-worker --name node1 --coordinator "$endpoint" --keys state/keys --site local=site \
    --pool local:site=local,cores=2 --no-doors >worker.txt 2>&1 &
children+=("$!")
follow state 1
await 1 worker-joined
try "a run is submitted" fairlead submit workflow.cfg --cycle $cycle --state state --set trail="$work/trail" \
    --set gate="$work/gate"
try "it begins" await 8 attempt-ended

# under load: copied, and lost while it goes on
try "the record is backed up while the run goes on" fairlead store backup safe --state state
cp last backup.txt
try "and is whole" has ": whole" backup.txt
try "a second backup does not replace it" exits 78 fairlead store backup safe --state state
try "some more is done" await 4 attempt-ended
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
try "the record of one that was killed is whole" fairlead store check --state state
daemon_start state "$endpoint"
try "who followed it goes on over the restart" await 4 attempt-ended
try "no event was told twice or left out" json followed.json "[e['seq'] for e in d] == list(range(1, len(d) + 1))"

# any moment again
fairlead status --state state --json >now.json
n=$(json now.json "d['seq']")
try "replay tells the state as of now" fairlead replay --until "$n" --state state --json
cp last then.json
fairlead replay --until 3 --state state --json >early.json
try "and of its beginning" json early.json "d['run'] == 'load/$cycle' and not [s for s in d['stages'] if s['state'] == 'succeeded']"
try "in words" fairlead replay --until 20 --state state
cp last replay.txt
try "that name the moment" has "as it was after event 20" replay.txt
try "an event to come is refused" exits 78 fairlead replay --until 1000000 --state state
cp last replay.txt
try "with the last there is" has "the last one is" replay.txt

# the disk with the state is lost
kill -9 "$daemon" "$follower"
wait "$daemon" "$follower" 2>/dev/null
mv state/fairlead.db lost.db
rm -f state/fairlead.db-*
try "the backup is restored into a new state" fairlead store restore safe --state new
cp last restore.txt
comment <restore.txt
try "its run is held" has "held: 1" restore.txt
try "a state that has a record is not restored over" exits 78 fairlead store restore safe --state new
try "what was restored is whole" fairlead store check --state new
daemon_start new "$endpoint"
try "its epoch is one that no other life had" json ready.json "d['epoch'] > 1000000"
follow new 1
: >followed.json
await 2 worker-joined
fairlead status --state new --json >held.json
try "the run is there, and held" json held.json "d['state'] == 'running' and d['held']"
try "it is released" fairlead release "load/$cycle" --state new
# the body at the gate was left by a coordinator that is no more
(echo open >gate) &
children+=("$!")
try "and ends" await 1 run-ended
try "well" json followed.json "d[-1]['state'] == 'succeeded'"
try "each body ran once, though the record had lost some of them" same "$(bodies trail)" "$all"
fairlead events --state new --json >events.json
try "no event is missing" json events.json "[e['seq'] for e in d] == list(range(1, len(d) + 1))"
try "each instance has one accepted end" json events.json \
    "sorted(e['key'] for e in d if e['type'] == 'attempt-ended' and e['state'] == 'succeeded') == ['+%03d' % i for i in range(40)]"
fairlead stop --state new >/dev/null
wait "$daemon"
try "stop ends the daemon" same $? 0

# a record that is damaged
python3 - <<'PYTHON'
import sqlite3
db = sqlite3.connect("new/fairlead.db")
db.execute("delete from event where seq = 7")
db.execute("update workflow set body = body || ' '")
db.commit()
PYTHON
try "damage is found" exits 65 fairlead store check --state new
cp last check.txt
comment <check.txt
try "and named" has "some are missing" check.txt
