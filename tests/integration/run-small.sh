#!/bin/bash
# A small workflow from its file to its last output by `fairlead run`, and what the commands say
# about it afterwards from the stored record.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 65
mkfifo gate
run() { fairlead run "$flow" --cycle $cycle --state state "$@"; }

try "check says what would run" fairlead check "$flow"
cp last check.txt
try "and names the stages" has post check.txt

run --set trail="$work/trail" --set gate="$work/gate" >run.txt 2>&1
try "the run succeeds: post-processing of the first lead opens the gate of the model" same $? 0
comment <run.txt
try "its plain lines tell the end" has "succeeded" run.txt
try "every body ran once" same "$(bodies trail)" "$all_bodies"

fairlead status --state state --json >status.json
try "status --json is whole" json status.json \
    "d['run'] == 'small/$cycle' and d['state'] == 'succeeded' and len(d['stages']) == 5"
try "post of the first lead was launched before make ended" json status.json \
    "[i for i in d['stages'] if i['stage'] == 'post' and i['key'] == '+000'][0]['launched'] < [i for i in d['stages'] if i['stage'] == 'make'][0]['ended']"
try "outputs carry path, size and digest" json status.json \
    "all(o['size'] > 0 and len(o['sha256']) == 64 and '/out/' in o['path'] for i in d['stages'] for o in i['outputs'])"
try "the last output holds all" same "$(tr '\n' , <"$(find state -path '*/out/all.txt')")" "doc 000,doc 003,doc 006,"
try "status is a table" fairlead status --state state
cp last table.txt
try "with a line a stage" has "3/3" table.txt
try "runs lists it" fairlead runs --state state
fairlead why --state state post.f003 --json >why.json
try "why has state and text" json why.json "d['state'] == 'succeeded' and d['text'] != ''"
try "log prints what make wrote" fairlead log --state state make
cp last log.txt
try "and nothing else" same "$(cat log.txt)" "make: done"
try "timeline draws" fairlead timeline --state state
cp last chart.txt
try "the chart names the stages" has "sum" chart.txt
fairlead events --state state --json >events.json
try "events are numbered from 1 without a gap" json events.json "[e['seq'] for e in d] == list(range(1, len(d) + 1))"
try "each attempt has one end" json events.json "len([e for e in d if e['type'] == 'attempt-ended']) == 5"
fairlead events --state state --from 4 --json >events4.json
try "an event that is not there yet is said to be so" exits 78 fairlead events --state state --from 999999
try "events --from begins there" json events4.json "d[0]['seq'] == 4"

run >again.txt 2>&1
try "a finished run ends well at once" same $? 0
try "it says how to make a variant" has "--variant" again.txt
try "no body was started again" same "$(wc -l <trail)" 5

run --variant bad --set fail=make >bad.txt 2>&1
try "a failing stage gives exit 1" same $? 1
try "the run says how to find out" has "fairlead why" bad.txt
try "why answers" fairlead why --state state --run "small/$cycle#bad" make
cp last why.txt
try "and names the exit code" has "65" why.txt
try "the standard error is kept" fairlead log --state state --run "small/$cycle#bad" make --stderr
cp last log.txt
try "with the stage's own words" has "the sea is dry" log.txt
try "an empty log is said to be empty" fairlead log --state state --run "small/$cycle#bad" make
cp last log.txt
try "and where the words are" has "--stderr" log.txt
try "the official run is as it was" json status.json "d['state'] == 'succeeded'"

mkdir beside
printf '#!/bin/sh\necho here >../out/said.txt\n' >beside/own.sh
chmod +x beside/own.sh
printf 'workflow: { name = "own"; stages: { say: { program = "./own.sh"; outputs = { said = "said.txt"; }; }; }; };\n' \
    >beside/own.cfg
try "a program beside the workflow is found from anywhere" fairlead run beside/own.cfg --cycle $cycle --state own

cat >beside/marks.py <<'PYTHON'
import os, socket
open(os.environ["FAIRLEAD_OUTPUT_DIR"] + "/said.txt", "w").write("x")
say = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
say.connect(os.environ["FAIRLEAD_SOCKET"])
say.send(b'{"type":"output","output":"said","file":"said.txt","degraded":[7,{"cause":"' + b"x" * 20000 + b'"}]}')
PYTHON
printf 'workflow: { name = "marks"; stages: { say: { program = "python3"; args = ["marks.py"]; files = ["marks.py"]; outputs = { said = "said.txt"; }; }; }; };\n' \
    >beside/marks.cfg
try "marks that no one could keep or read do not hold the run" fairlead run beside/marks.cfg --cycle $cycle --state own
cp last marks.txt
try "and still mark it" has "warning: degraded: a substitution" marks.txt

printf 'workflow: {\n  name = "broken";\n  stages: {\n    a: { program = "true"; colour = "red"; };\n  };\n};\n' >broken.cfg
fairlead run broken.cfg --cycle $cycle --state none >broken.txt 2>&1
try "a bad workflow exits 78" same $? 78
try "file and line are named" has "broken.cfg:4" broken.txt
try "no state is made" test ! -e none
try "a cycle that is no time exits 78" exits 78 fairlead run "$flow" --cycle tomorrow --state none
try "no state there is said, not made" exits 78 fairlead status --state none
try "a state that is not there stays away" test ! -e none

try "an unknown command exits 78" exits 78 fairlead statsu
cp last unknown.txt
try "and the nearest is suggested" has "'status'" unknown.txt
try "-h is no slip for a command" fairlead -h
try "help COMMAND is COMMAND --help" same "$(fairlead help log)" "$(fairlead log --help)"
printf 'workflow: {\n  name = "away";\n  stages: {\n    a: { program = "/no/such"; };\n  };\n};\n' >away.cfg
try "a program that is not on this machine is no mistake" fairlead check away.cfg
cp last away.txt
try "but noted" has "program '/no/such'" away.txt
try "an option of another command is refused" exits 78 fairlead status --cycle $cycle
for command in check run submit runs status why log events workers timeline cancel hold release retry stop keys; do
    try "$command --help" fairlead $command --help
done
