#!/bin/bash
# Ended runs that nothing looks after leave the coordinator's memory; what they made stays, and what
# is asked of them is answered from the record.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 20

cat >workflow.cfg <<'FLOW'
workflow: {
  name = "small"; cycles = { every = "PT1H"; from = "20251101T0000Z"; ahead = 20; };
  pools = { local = { site = "local"; cores = 8; jobs = 8; }; };
  sites = { local = { root = "site"; }; };
  stages: { a: { program = "sh"; args = ["-c", "echo said; echo done >$FAIRLEAD_OUTPUT_DIR/o.txt"];
                 outputs = { o = "o.txt"; }; }; };
};
FLOW
first=small/20251101T0000Z
try "more cycles than are held run to their ends" fairlead run workflow.cfg --from 20251101T0000Z \
    --to 20251109T1500Z --state state
try "the list has those that are held" same "$(fairlead runs --state state --json | python3 -c '
import json, sys
print(len(json.load(sys.stdin)["runs"]))')" 200
try "and says that there are more" has "8 older ones are on the record only" <(fairlead runs --state state)
try "what an old one made is there" test -e "state/site/work/$first/a/1/out/o.txt" -o \
    -e "site/work/$first/a/1/out/o.txt"
try "its status is answered from the record" fairlead status $first --state state
cp last said.txt
try "with its end" has succeeded said.txt
try "why is, too" fairlead why $first a --state state
try "and its log" has said <(fairlead log $first a --state state 2>&1)
try "the same run is not made twice" exits 78 fairlead run workflow.cfg --cycle 20251101T0000Z --state state
cp last said.txt
try "and what to do is said" has "fairlead run FILE --cycle 20251101T0000Z --variant NAME" said.txt
try "which works" fairlead run workflow.cfg --cycle 20251101T0000Z --variant again --state state

# how long a stage usually takes is known from the cycles before
mkfifo gate began
sed "s#echo said;#echo >$work/began; read -r _ <$work/gate;#" workflow.cfg >slow.cfg
fairlead run slow.cfg --cycle 20251101T0000Z --variant slow --state state >slow.txt 2>&1 &
slow=$!
children+=("$slow")
read -r _ <began
try "why tells how long it usually takes" has "usually takes PT" <(fairlead why a --state state)
fairlead status --state state >status.txt 2>&1
try "so does status" has "usually" status.txt
echo go >gate
wait "$slow"
try "and it ends" same $? 0

exec 5< <(exec fairleadd --state state --listen tcp://127.0.0.1:0 2>daemon.txt)
children+=("$!")
read -r line <&5
try "a coordinator holds no more after a restart" same "$(fairlead runs --state state --json | python3 -c '
import json, sys
print(len(json.load(sys.stdin)["runs"]))')" 200
try "and answers of an old one from the record" fairlead status $first --state state
try "an action on it is refused" exits 78 fairlead retry $first --state state
cp last said.txt
try "with what to do" has "is held no more" said.txt
try "the events say when it went" has "is on the record only from now on" <(fairlead events --state state)
try "the record is whole" fairlead store check --state state
