#!/bin/bash
# kill -9 of `fairlead run` while a stage runs: the stage goes on under its supervisor, the same
# command takes the run up, and every body is started exactly once.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 14
mkfifo gate

# Starts the run; its lines come from descriptor 4.
start() {
    exec 4< <(exec fairlead run "$flow" --cycle $cycle --state "$1" --set trail="$work/trail" \
        --set gate="$work/gate" 2>&1)
    pid=$!
    children+=("$pid")
}
# Reads its lines until one has the words; fails when it ends before.
await() {
    local line
    while read -r line <&4; do
        echo "$line" >>lines
        [[ $line == *"$1"* ]] && return 0
    done
    return 1
}
the_end() {
    cat <&4 >>lines
    wait "$pid"
}

start state
try "the first stage begins" await "make began"
kill -9 "$pid"
wait "$pid" 2>/dev/null
try "the record can be read while nobody runs" fairlead status --state state
start state
the_end
try "the same command goes on to success" same $? 0
comment <lines
try "it says that it goes on" has "goes on" lines
try "every body ran exactly once" same "$(bodies trail)" "$all_bodies"
fairlead events --state state --json >events.json
try "each instance had one attempt, with one end" json events.json \
    "[e['attempt'] for e in d if e['type'] == 'attempt-ended'] == [1] * 5"
try "no event was lost or made twice" json events.json "[e['seq'] for e in d] == list(range(1, len(d) + 1))"

# As soon as it says something or a stage begins, again and again; the next start does not wait until the kernel has
# taken the killed one down.
rm -f trail
refused=0
for words in a began a began a began a a; do
    start state2
    await "$words" && kill -9 "$pid" || has "has its end already" lines >/dev/null || has ", took " lines >/dev/null ||
        refused=$((refused + 1)) # neither killed, nor at the end before that
done
start state2
the_end
try "a run that was killed eight times succeeds" same $? 0
comment <lines
try "no start was refused because of the one that was just killed" same $refused 0
try "every body of it ran exactly once" same "$(bodies trail)" "$all_bodies"

# A terminal that goes away.
rm -f trail
start state3
await "make began"
kill -HUP "$pid"
wait "$pid"
try "a dropped connection leaves the run" same $? 130
start state3
the_end
try "and cancels nothing: the same command goes on to success" same $? 0

# Its parent has not asked yet how it ended: it is there, and dead.
fairlead keys setup node1 --state dead >/dev/null
exec 6< <(exec sh -c 'fairleadd --state dead --listen tcp://127.0.0.1:0 2>/dev/null & echo $!; exec tail -f /dev/null')
children+=("$!")
read -r -t 60 one <&6
read -r -t 60 two <&6
case $one in # its number and its first line come in any order
"{"*) dead=$two ;;
*) dead=$one ;;
esac
kill -9 "$dead"
try "a coordinator that is dead and not buried is not asked" fairlead workers --state dead
cp last said.txt
try "the record answers" has "no workers" said.txt
