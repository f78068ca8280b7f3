#!/bin/bash
# A run that waits for the world outside: for a signal, and for a file that is put into the site. Its
# cycle is a day that only the calendar of a climate model has.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 11
given=$FL_TOP_SRCDIR/tests/integration/given.cfg
cycle=20270230T0000Z

try "a day that this calendar lacks is refused" exits 78 fairlead run "$given" --cycle 20270231T0000Z --state state
exec 8< <(exec fairlead run "$given" --cycle $cycle --state state 2>&1)
run=$!
children+=("$run")
while read -r line <&8; do
    case $line in *"worker joined"*) break ;; esac
done
try "why says what the one waits for" fairlead why told --state state
cp last why.txt
try "by its name" has "go" why.txt
try "and the other" fairlead why found --state state
cp last why.txt
try "by its path" has "inbox/" why.txt
try "a signal that nothing waits for is refused" exits 78 fairlead signal "given/$cycle" stop --state state
cp last said.txt
try "with those that there are" has "go" said.txt
try "the signal is told" fairlead signal "given/$cycle" go --text "the forecaster says so" --state state
mkdir -p state/local/inbox
echo ready >state/local/inbox/.incoming
mv state/local/inbox/.incoming state/local/inbox/$cycle.ready
cat <&8 >run.txt
wait "$run"
try "the run ends well" same $? 0
comment <run.txt
fairlead events --state state --json >events.json
try "the file was told once" json events.json \
    "[e['path'] for e in d if e['type'] == 'file-arrived'] == ['inbox/$cycle.ready']"
try "the signal is in the record" json events.json \
    "[(e['output'], e['text']) for e in d if e['type'] == 'signalled'] == [('go', 'the forecaster says so')]"
