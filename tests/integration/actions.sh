#!/bin/bash
# What an operator does at 03:00, against a real coordinator and worker: hold, look before acting,
# another parameter, leave a stage out, put one in, take it back.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 36
run=night/$cycle

# night FILE EXTRA: a workflow whose first stage waits on a fifo; EXTRA goes between.
night() {
    cat >"$1" <<CFG
workflow: {
  name = "night";
  params = { manning = 0.02; };
  groups = { products = { stages = {
    map:   { program = "sh"; args = ["-c", "echo map {manning} >> $work/trail"]; when = "gate"; };
    table: { program = "sh"; args = ["-c", "echo table >> $work/trail"]; when = "gate"; };
  }; }; };
  stages = {
    gate: { program = "sh"; args = ["-c", "read line < $work/gate; echo gate >> $work/trail"]; };
    gauge: { program = "sh"; args = ["-c", "exit 65"]; optional = true; };
    $2
    last: { program = "sh"; args = ["-c", "echo last >> $work/trail"];
            when = "map && table && gauge:ended"; };
  };
};
CFG
}
mkfifo gate
night night.cfg ""
night more.cfg 'extra: { program = "sh"; args = ["-c", "echo extra >> '"$work"'/trail"]; when = "gate"; };'

fairlead keys setup node1 --state state >/dev/null
exec 5< <(exec fairleadd --state state --listen tcp://127.0.0.1:0 2>daemon.txt)
children+=("$!")
read -r line <&5
echo "$line" >ready.json
endpoint=$(json ready.json "d['endpoint']")
fairlead-worker --name node1 --coordinator "$endpoint" --keys state/keys --site local=site \
    --pool local:site=local,cores=4 --no-doors >worker.txt 2>&1 &
children+=("$!")

act() { fairlead "$@" --state state; }
state_of() { # STAGE
    act status "$run" --json >status.json
    json status.json "[s['state'] for s in d['stages'] if s['stage'] == '$1'][0]"
}

try "a workflow is submitted" fairlead submit night.cfg --cycle $cycle --state state
try "a dry run says what a hold would touch" act hold "$run" products --dry-run
cp last dry.txt
try "it names the stages" has "map: held" dry.txt
try "and that nothing was done" has "nothing was done" dry.txt
try "nothing was" same "$(state_of map)" waiting
try "the group is held, with a reason" act hold "$run/products" --why "new grid"
cp last hold.txt
try "the action has a number" has "action 1" hold.txt
try "its stages are held" same "$(state_of map) $(state_of table)" "held held"
try "why says who held it and for what" act why "$run" map
cp last why.txt
try "it does" has "new grid" why.txt
try "a parameter is set for the group" act set-parameter "$run" products manning=0.03
cp last set.txt
try "the answer repeats what was asked" has "set-parameter $run products manning=0.03" set.txt
try "a wrong type is refused" exits 78 act set-parameter "$run" manning=wide
try "a stage that is not there is refused by name" exits 78 act hold "$run" maps
try "a stage is put into the run" act insert more.cfg extra --run "$run"
cp last insert.txt
try "it says what was added" has "added: extra" insert.txt
try "a stage is put in once" exits 78 act insert more.cfg extra --run "$run"
try "a stage is named with its run in one word, too" act why "$run/map"
try "a run alone is told to be that" exits 78 act why "$run"
cp last said.txt
try "with where its stages are listed" has "fairlead status $run" said.txt
try "the record lists the actions" act actions
cp last actions.txt
try "with who and why" has "new grid" actions.txt
try "the parameter is taken back" act undo 2 --why "wrong value"
try "and the hold" act undo 1
cp last undo.txt
try "it says what was taken back" has "of action 1: hold $run products" undo.txt
act events >events.txt
try "the record is for people" has "action 1: hold products" events.txt
try "the stages wait for the gate" same "$(state_of map)" waiting
echo go >gate
exec 6< <(exec fairlead events --state state --follow --json)
children+=("$!")
grep -qm1 '"type":"run-ended"' <&6
try "everything ran once, the stage that was put in too, with the workflow's own value" \
    same "$(sort trail | tr '\n' ',')" "extra,gate,last,map 0.02,table,"
try "what has succeeded cannot be skipped" exits 78 act skip "$run" map
try "a record without a coordinator still lists them" same "$(act actions --json >a.json && json a.json "len(d['actions'])")" 5
try "the first is marked as undone" json a.json "[a for a in d['actions'] if a['action'] == 1][0]['undone_by'] == 5"

# a run in the foreground that failed, and whose file has changed since
cat >fore.cfg <<CFG
workflow: { name = "fore"; stages = {
  a: { program = "sh"; args = ["-c", "test -e $work/mended"]; };
  b: { program = "true"; when = "a"; };
}; };
CFG
try "a run in the foreground fails" exits 1 fairlead run fore.cfg --cycle $cycle --state fore
touch mended
sed -i 's/b: {/more: { program = "true"; }; b: {/' fore.cfg
try "with --retry the same command takes it up again" fairlead run fore.cfg --cycle $cycle --state fore --retry
cp last fore.txt
try "it tells that the file has changed" has "has changed since" fore.txt
try "in what" has "added: more" fore.txt
try "and how to take that over" has "fairlead reload" fore.txt
