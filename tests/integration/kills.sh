#!/bin/bash
# kill -9 of coordinator, worker and supervisors at random instants, over one run: nothing is lost,
# and nothing is done twice. The long form (FL_FULL) has 300 stages and 100 kills, and once more
# without privileges.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 16
PATH=$FL_TOP_BUILDDIR/tests/tools:$PATH
stages=60 kills=20
[ -z "${FL_FULL:-}" ] || stages=300 kills=100
seed=${FL_SEED:-20261124}

# storm FOLDER KILLS FILLS [COMMAND...]: one run below FOLDER, under a storm of so many kills, in
# which FOLDER/disk is full so many times.
storm() {
    local folder=$1 count=$2 fills=$3
    shift 3
    mkdir -p -m 777 "$folder" && mkdir -m 777 "$folder/trail.locks" &&
        "$@" kills flow $stages "$seed" "$FL_TOP_BUILDDIR/tests/tools/kills_body" "$work/$folder/trail" >"$folder/flow.cfg" &&
        "$@" kills storm "$work/$folder" "$folder/flow.cfg" "$seed" "$count" $stages "$fills"
}
events() { fairlead events --state "$1/${2:-state}" --json >"$1/events.json"; }
# judge FOLDER: what must hold, whatever was killed.
judge() {
    try "$2: every stage has exactly one accepted end, and no event is lost" kills ends "$1/events.json" $stages
    comment <last
    try "$2: no two bodies of a stage at once, none started for more than its supervisor's death" \
        kills trail "$1/trail" "$1/kills"
    comment <last
    try "$2: the accepted results are those of the undisturbed run" \
        kills results "$1/events.json" calm/events.json
}

try "an undisturbed run ends well" storm calm 0 0
try "its record can be read" events calm
judge calm "undisturbed"
try "a run under $kills kills ends well (FL_SEED=$seed)" storm torn $kills 0
comment <last
[ -s torn/events.json ] || events torn
judge torn "torn"

mkdir -p -m 777 full/disk
if mount -t tmpfs -o size=64m none full/disk 2>/dev/null; then
    trap '[ -z "${FL_KEEP:-}" ] || cp -a full/disk full/kept; umount "$work/full/disk"; finish' EXIT
    try "with a disk that is full for a while, three times, it ends well" storm full $((kills / 2)) 3
    comment <last
    events full disk/state
    judge full "full"
else
    for what in "ends well" "ends" "bodies" "results"; do skip "a full disk: $what" "may not mount one"; done
fi

if [ "$(id -u)" -ne 0 ]; then
    for what in "ends well" "ends" "bodies"; do skip "without privileges: $what" "the tests run without them already"; done
else
    as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    chmod 711 "$work" && mkdir -m 777 bare
    if ! "${as_nobody[@]}" test -x "$(command -v fairlead-worker)" -a -r "$work/bare"; then
        for what in "ends well" "ends" "bodies"; do skip "without privileges: $what" "nobody cannot read the build"; done
    else
        try "without privileges, it ends well too" storm bare $((kills / 2)) 0 "${as_nobody[@]}"
        events bare
        try "with one accepted end for each stage" kills ends bare/events.json $stages
        try "and no body too many" kills trail bare/trail bare/kills
    fi
fi
