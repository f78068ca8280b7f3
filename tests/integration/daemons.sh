#!/bin/bash
# fairleadd, fairlead-worker and fairlead as three processes over CURVE; a worker whose key is not
# on the list is refused; a worker that comes late is given what waits.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 24
mkfifo gate
work_pool=(--pool local:site=local,cores=2)

try "keys are made" fairlead keys setup node1 --state state
try "their folder is private" same "$(stat -c %a state/keys)" 700
try "they are listed" fairlead keys --state state
cp last keys.txt
try "with the worker's name" has node1 keys.txt

exec 5< <(exec fairleadd --state state --listen tcp://127.0.0.1:0 --http 127.0.0.1:0 2>daemon.txt)
daemon=$!
children+=("$daemon")
read -r line <&5
echo "$line" >ready.json
try "the daemon says when it is ready" json ready.json "d['ready'] and d['epoch'] == 1"
endpoint=$(json ready.json "d['endpoint']")
http=$(json ready.json "d['http']")

# a worker with keys of its own that nobody has allowed
fairlead keys setup node1 --keys strange >/dev/null
cp state/keys/coordinator.pub strange/coordinator.pub
exec 6< <(tail -n +1 -f daemon.txt)
tail=$!
children+=("$tail")
fairlead-worker --name node1 --coordinator "$endpoint" --keys strange --site local=strange-site \
    "${work_pool[@]}" --no-doors >strange.txt 2>&1 &
strange=$!
children+=("$strange")
grep -qm1 key.refused <&6
try "a worker with an unknown key is refused, and the daemon says so" has key.refused daemon.txt
fairlead workers --state state --json >workers.json
try "it did not get in" json workers.json "d['workers'] == []"
kill "$strange" "$tail"
wait "$strange" "$tail" 2>/dev/null

fairlead submit "$flow" --cycle $cycle --state state --set trail="$work/trail" \
    --set gate="$work/gate" >submit.txt 2>&1
try "a workflow is submitted" same $? 0
comment <submit.txt
try "why answers while no worker is there" fairlead why --state state make
cp last why.txt
comment <why.txt
exec 7< <(exec fairlead events --state state --follow --json)
events=$!
children+=("$events")
fairlead-worker --name node1 --coordinator "$endpoint" --keys state/keys --site local=site \
    "${work_pool[@]}" >worker.txt 2>&1 &
children+=("$!")
grep -qm1 '"type":"run-ended"' <&7
try "the record that is followed tells the end" same $? 0
fairlead status --state state --json >status.json
try "the run succeeded" json status.json "d['state'] == 'succeeded'"
try "every body ran once" same "$(bodies trail)" "$all_bodies"
try "log reads at the worker's site" fairlead log --state state make
fairlead workers --state state --json >workers.json
try "the worker is listed" json workers.json "d['workers'][0]['worker'] == 'node1'"

get() { python3 -c "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=20).read().decode())" "http://$http$1"; }
get /api/runs >runs.json
try "the API has the run" json runs.json "d['runs'][0]['run'] == 'small/$cycle'"
get /api/runs/small/$cycle >run.json
try "and its stages" json run.json "len(d['stages']) == 5"
get / >page.html
try "the page is served" has "Fairlead" page.html
cat >wide.cfg <<'FLOW'
workflow: { name = "wide"; pools = { local = { site = "local"; cores = 64; jobs = 8; }; };
  sites = { local = { root = "site"; }; };
  stages: { a: { program = "true"; cores = 16; }; }; };
FLOW
exec 7< <(exec fairlead events --state state --follow --json)
children+=("$!")
fairlead submit wide.cfg --cycle $cycle --state state >/dev/null
grep -m1 '"type":"need-unmet"' <&7 >unmet.json
try "what no worker can ever give is told" json unmet.json "'no known worker of pool' in d['why'] and d['cause'] == 'cores'"
try "why says the same" has "no worker of pool 'local' has more than 2" <(fairlead why --state state --run wide/$cycle a)
fairlead cancel wide/$cycle --state state >/dev/null
try "a second submit of the run is refused" exits 78 fairlead submit "$flow" --cycle $cycle --state state
try "a second daemon on the state is refused" exits 75 fairleadd --state state
try "a variant stands beside the run" fairlead submit wide.cfg --cycle $cycle --variant x --state state
try "and is cancelled by its name" fairlead cancel "wide/$cycle#x" --why "the test says so" --state state
fairlead stop --state state
wait "$daemon"
try "stop ends the daemon" same $? 0
