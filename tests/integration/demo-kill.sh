#!/bin/bash
# kill -9 of coordinator and worker in mid-run; the same command goes on and brings the same products.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/demo.sh"
work=$(mktemp -d "$PWD/demo-kill-XXXXXX")
[ -n "${FL_KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
plan 6
template=$FL_TOP_SRCDIR/templates/surge-michael

"$tools/make_origin" --best-track "$template/track.csv" --to origin >log 2>&1 || bail "make_origin: $(cat log)"
coproc ORIGIN { exec "$tools/origin" --root origin/root --rules origin/rules.cfg --listen 127.0.0.1:0 --until-eof; }
read -r ready <&"${ORIGIN[0]}" || bail "the test origin did not start"
url=$(sed 's/.*"\(http:[^"]*\)".*/\1/' <<<"$ready")
go() { # STATE
    "$fairlead" run "$template/workflow.cfg" --cycle 20181009T0000Z --state "$1" --set "origin=$url" \
        --set "relief=$FL_ETOPO5"
}

go calm >calm.log 2>&1
result $? "an undisturbed run ends well"

# Runs until a line of its own output has the words; then it is killed, and no child told.
run_until() { # WORDS
    local line out pid
    exec {out}< <(exec "${command[@]}" 2>&1)
    pid=$!
    while read -r line <&"$out"; do
        echo "$line" >>killed.log
        [[ $line != *"$1"* ]] || break
    done
    exec {out}<&-
    if [[ $line == *"$1"* ]] && kill -9 "$pid"; then
        wait "$pid" 2>/dev/null # dying takes a moment, and it holds its lock until then
        echo "# killed at '$line'"
        kills=$((kills + 1))
    else
        echo "# not killed: the run ended before '$1'; its last lines:"
        tail -n 5 killed.log | comment
    fi
}
kills=0
command=("$fairlead" run "$template/workflow.cfg" --cycle 20181009T0000Z --state killed --set "origin=$url"
    --set "relief=$FL_ETOPO5")
run_until "prep +006 began"
run_until "post +012 began"
run_until "deliver +030 ended"
"${command[@]}" >>killed.log 2>&1
[ $? -eq 0 ] && [ $kills -eq 3 ]
result $? "after three kills the same command ends well"
comment <<<"$(tail -n 5 killed.log)"
(cd "killed/local/products/$run" && sha256sum --quiet -c MANIFEST)
result $? "sha256sum -c MANIFEST passes"
diff <(grep -v '^#' "calm/local/products/$run/MANIFEST") <(grep -v '^#' "killed/local/products/$run/MANIFEST")
result $? "the products equal those of the undisturbed run, byte for byte"
[ "$("$fairlead" events --state killed --json | grep '"type":"attempt-begun"' | grep -c '"stage":"forecast"')" -eq 1 ]
result $? "the model's body began once: it was adopted, not started again"
[ "$("$fairlead" events --state killed --json | grep -c '"type":"run-created"')" -eq 1 ]
result $? "it is one run"
