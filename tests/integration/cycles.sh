#!/bin/bash
# An installed workflow from its first cycle to its last: in the foreground, and by the daemon. Each
# cycle starts from the one before; what is older than keep goes; what is asked for off the
# recurrence is answered.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 31
tide=$FL_TOP_SRCDIR/tests/integration/cycles/workflow.cfg

try "a cycle off the recurrence is refused" exits 78 fairlead run "$tide" --from 20181009T0100Z --to 20181009T1200Z --state bad
cp last said.txt
try "with the two nearest" has "20181009T0000Z and 20181009T0600Z" said.txt
try "--to alone is no run of cycles" exits 78 fairlead run "$tide" --to 20181009T1200Z --state bad

fairlead run "$tide" --from 20181009T0000Z --to 20181009T1200Z --state state >run.txt 2>&1
try "three cycles run in the foreground" same $? 0
comment <run.txt
fairlead events --state state --json >events.json
try "each became a run once" json events.json \
    "[e['cycle'] for e in d if e['type'] == 'run-created'] == ['20181009T0000Z', '20181009T0600Z', '20181009T1200Z']"
try "never more than ahead allows were unfinished" json events.json \
    "max([sum(1 if e['type'] == 'run-created' else -1 for e in d[:i] if e['type'] in ('run-created', 'run-ended')) for i in range(len(d))]) <= 2"
last=$(find state -path '*20181009T1200Z*' -path '*/out/rest.txt')
try "the last came through all, warm" same "$(tr '\n' , <"$last")" "cold,20181009T0000Z,20181009T0600Z,20181009T1200Z,"
fairlead status tide/20181009T0600Z --state state --json >status.json
try "what is for the first cycle is skipped later" json status.json \
    "[i['state'] for i in d['stages'] if i['stage'] == 'spin'] == ['skipped']"
try "in words" json status.json \
    "'first cycle' in [i['reason'] for i in d['stages'] if i['stage'] == 'spin'][0]"
try "what is older than keep is dropped" json events.json \
    "[e['run'] for e in d if e['type'] == 'run-dropped'] == ['tide/20181009T0000Z']"
fairlead runs --state state --json >runs.json
try "and is listed no more" json runs.json "'tide/20181009T0000Z' not in [r['run'] for r in d['runs']]"
fairlead status tide/20181009T0000Z --state state --json >past.json
try "its status still answers, from the record" json past.json \
    "d['state'] == 'succeeded' and [i for i in d['stages'] if i['state'] == 'succeeded' and i['outputs']] != []"
try "so does its timeline" fairlead timeline tide/20181009T0000Z --state state
cp last past.txt
try "and says that it is kept no more" has "is kept no more" past.txt
try "a run that never was is not found" exits 78 fairlead status tide/20171009T0000Z --state state
# a worker that ends before it has cleaned up is told again at its next start
for again in 1 2 3 4 5; do
    [ -n "$(find state -path '*20181009T0000Z*' -name rest.txt)" ] || break
    fairlead run "$tide" --cycle 20181009T1200Z --variant "again$again" --state state >/dev/null 2>&1
done
try "its files are cleaned away" same "$(find state -path '*20181009T0000Z*' -name rest.txt)" ""
fairlead workflows --state state --json >flows.json
try "the workflow is done" json flows.json "d['workflows'][0]['state'] == 'done' and d['workflows'][0]['made'] == 3"
fairlead run "$tide" --from 20181009T0000Z --to 20181009T1200Z --state state >again.txt 2>&1
try "the same command again has nothing to do" same $? 0
try "and says that it went on" has "goes on where it was" again.txt

fairlead keys setup node1 --state daemon >/dev/null
exec 5< <(exec fairleadd --state daemon --listen tcp://127.0.0.1:0 2>daemon.txt)
children+=("$!")
read -r line <&5
echo "$line" >ready.json
endpoint=$(json ready.json "d['endpoint']")
try "the daemon installs it, held" fairlead install "$tide" --held --start 20181009T0600Z --state daemon
try "twice is refused" exits 78 fairlead install "$tide" --state daemon
fairlead workflows --state daemon >flows.txt
try "it is listed as held" has "held" flows.txt
try "a dry run of its release says so" fairlead release --workflow tide --dry-run --state daemon
cp last said.txt
try "in the words of a dry run" has "nothing was done" said.txt
fairlead workflows --state daemon >flows.txt
try "and leaves it held" has "held" flows.txt
try "undo does not pass over what it cannot take back" exits 78 fairlead undo --state daemon
try "it is released" fairlead release --workflow tide --state daemon
exec 7< <(exec fairlead events --state daemon --follow --json)
children+=("$!")
fairlead-worker --name node1 --coordinator "$endpoint" --keys daemon/keys --site local=site \
    --pool local:site=local,cores=2 --no-doors >worker.txt 2>&1 &
children+=("$!")
while read -r event <&7; do
    case $event in *20181009T1800Z*run-ended* | *run-ended*20181009T1800Z*) break ;; esac
done
fairlead workflows --state daemon --json >flows.json
try "it ran to its stop" json flows.json "d['workflows'][0]['made'] == 3 and d['workflows'][0]['last'] == '20181009T1800Z'"
try "it is uninstalled" fairlead uninstall tide --state daemon
try "another time there is nothing to uninstall" exits 78 fairlead uninstall tide --state daemon
cp last said.txt
try "with what to type" has "fairlead install FILE" said.txt
