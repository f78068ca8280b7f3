#!/bin/bash
# The examples under templates/: each passes `fairlead check`, is named in the README there, and the
# commands at its top do what it says. What is copied from an example must work.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
examples=$FL_TOP_SRCDIR/templates/examples
files=("$examples"/*.cfg)
# NAME|what its commands must leave behind (a command of the shell)
runs=(
    'calendars|same "$(cat "$(find . -name day.txt -path "*/out/*")")" 20000230T0000Z'
    'clock-and-expire|ends bulletin expired && ends short_bulletin succeeded'
    'cold-start|same "$(cat .fairlead/local/work/cold-start/*/forecast/1/out/restart.txt | tr "\n" " ")" "6 12 "'
    'cycles|same "$(cat "$(find . -path "*20251124T1800Z*" -name field.txt)") $(find . -name field.txt -path "*/out/*" | wc -l)" "analysis of 20251124T1800Z 4"'
    'declared-set|same "$(cat "$(find . -name all.txt -path "*/out/*")" | tr "\n" " ")" "al09 al10 al11 "'
    'else-branch|states else-branch succeeded && ends primary failed && ends publish succeeded'
    'external-events|states external-events succeeded && ends publish succeeded'
    'file-arrival|states file-arrival succeeded && ends decode succeeded'
    'foreach-members|same "$(cat "$(find . -name mean.txt -path "*/out/*")" | tr "\n" " ")" "m01 m02 m03 m04 m05 "'
    'groups|same "$(find . -name "*.txt" -path "*/out/*" | xargs -n1 basename | sort | tr "\n" " ")" "field.txt table.txt waves.txt wind.txt "'
    'limits|states limits succeeded && at_most 2'
    'optional|states optional succeeded'
    'other-workflow|states other-workflow succeeded'
    'parameters|ends ocean skipped && ends coast succeeded'
    'per-lead-streaming|same "$(cat "$(find . -name all.txt -path "*/out/*")" | tr "\n" " ")" "000 001 002 003 004 "'
    'priority|states priority succeeded && first warning'
    'progress|ends coupled succeeded'
    'recurrences|states recurrences succeeded'
    'reduce-n-of|states reduce succeeded && ends spread succeeded && ends quick succeeded'
    'resources|states resources succeeded'
    'retries|same "$(wc -l <tried)" 3'
    'substitutes|states substitutes succeeded'
    'several-levels|same "$(cat "$(find . -name west.txt -path "*/out/*")" | sort | tr "\n" ",")" "m01 west 000,m01 west 003,m01 west 006,m02 west 000,m02 west 003,m02 west 006,m03 west 000,m03 west 003,m03 west 006,"'
    'success|states success succeeded'
    'time-limit|states time-limit succeeded'
    'triggers|states triggers succeeded'
)
# The examples of the manual page, one file each: what stands between .nf and .fi.
manual() {
    awk '/^\.nf/ { n++; inside = 1; next } /^\.fi/ { inside = 0 }
         inside && !/^\.R[SE]/ { print > sprintf("man-%02d.part", n) }' "$FL_TOP_SRCDIR/man/fairlead-workflow.5"
    for part in man-*.part; do
        {
            echo 'workflow: { name = "manual";'
            sed 's/\\-/-/g; s/\\e/\\/g' "$part"
            grep -q '^stages:' "$part" || echo 'stages: { a: { program = "true"; }; };'
            echo '};'
        } >"${part%.part}.cfg"
    done
}
manual
pages=(man-*.cfg)
more=("$FL_TOP_SRCDIR/tests/golden/design-example/workflow.cfg"
    "$FL_TOP_SRCDIR/templates/surge-michael/workflow.cfg")
plan $((${#more[@]} + 2 * ${#files[@]} + 2 * ${#runs[@]} + 1 + ${#pages[@]}))

states() { # WORKFLOW STATE: the newest run of it has that state
    fairlead status --json >status.json && json status.json "d['state'] == '$2' and d['run'].startswith('$1/')"
}
ends() { # STAGE STATE, in the newest run
    fairlead status --json >status.json &&
        json status.json "[i['state'] for i in d['stages'] if i['stage'] == '$1'] == ['$2']"
}
at_most() { # so much of the limit was used at any time; the stage big counts for two
    json status.json "max(sum(2 if i['stage'] == 'big' else 1 for i in d['stages'] if i['begun'] <= t < i['ended']) for t in [j['begun'] for j in d['stages']]) <= $1"
}
first() { # STAGE began before all others
    json status.json "min(d['stages'], key=lambda i: i['begun'])['stage'] == '$1'"
}
# The commands at the top of an example, "#   $ COMMAND".
commands() { sed -n 's/^#   \$ //p' "$examples/$1.cfg"; }

for file in "${files[@]}"; do
    name=$(basename "$file")
    try "check passes $name" fairlead check "$file"
    try "the README names $name" grep -q "^      *$name  *[a-z]" "$examples/README"
done
for file in "${more[@]}"; do
    try "check passes ${file#"$FL_TOP_SRCDIR"/}" fairlead check "$file"
done
try "every file that the README names is there" bash -c \
    "cd '$examples' && grep -oE '^      [a-z-]+\.cfg' README | xargs ls"
for page in "${pages[@]}"; do
    try "check passes example ${page//[^0-9]/} of fairlead-workflow(5)" fairlead check "$page"
done
for line in "${runs[@]}"; do
    name=${line%%|*}
    mkdir "$name" && cp "$examples"/*.cfg "$name" && cd "$name" || exit 1
    commands "$name" >commands.sh
    try "$name: its commands" bash -e commands.sh
    try "$name: and what they leave" eval "${line#*|}"
    cd .. || exit 1
done
