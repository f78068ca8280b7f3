#!/bin/bash
# The physics of the main job, without the engine: the run lies in its window, and each sabotaged
# twin leaves it. Takes some minutes; part of check-full.
set -u
top=$FL_TOP_SRCDIR build=$FL_TOP_BUILDDIR
. "$top/tests/lib/tap.sh"
plan 6
template=$top/templates/surge-michael
prep=$build/stages/prep/fairlead-prep
surge=$build/stages/surge/fairlead-surge
tools=$build/tests/tools
work=$(mktemp -d "$PWD/physics-XXXXXX")
[ -n "${FL_KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
cycle=20181009T0000Z

# The template's files as the engine would render them.
render() { # file
    sed -e "s|{relief}|$FL_ETOPO5|; s|{manning}|0.025|; s|{cycle}|$cycle|; s|{out}|.|; s|{{|{|g; s|}}|}|g" "$1"
}

lead() { printf '%03d' "$1"; }

make_forcing() { # track folder
    mkdir -p "$2"
    cp "$1" al142018-michael.csv
    local before='' at
    for at in $(seq 0 3 54); do
        local from=$((at > 0 ? at - 3 : 0)) grib=origin/root/gfs.2018100900/gfs.t00z.pgrb2.0p50.f$(lead "$at")
        # shellcheck disable=SC2086 # before is empty or one name
        "$prep" forcing "$template/best-track/forcing.cfg" --grid grid.nc --cycle $cycle --from "+$(lead $from)" \
            --lead "+$(lead "$at")" --to "$2/force.f$(lead "$at").nc" $before "$grib" || return 1
        before=$grib
    done
}

run_model() { # folder with forcing
    (cd "$1" && ln -sf ../grid.nc . && cp "$template/stations.csv" . && render "$template/surge.cfg.in" >surge.cfg &&
        "$MPIRUN" -np 2 --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 "$surge" surge.cfg >log 2>&1)
}

window() { # folder
    "$tools/physics_window" "$1/max.nc" "$1/stations.nc" >"$1/window" 2>&1
    local code=$?
    comment <"$1/window"
    return $code
}

"$tools/make_origin" --best-track "$template/track.csv" --to origin >log 2>&1 || bail "make_origin: $(cat log)"
render "$template/domain.cfg.in" >domain.cfg
"$prep" grid domain.cfg --to grid.nc >log 2>&1 || bail "fairlead-prep grid: $(cat log)"

make_forcing "$template/track.csv" base >log 2>&1 || bail "fairlead-prep forcing: $(tail -3 log)"
run_model base || bail "fairlead-surge: $(tail -5 base/log)"
window base
result $? "the hindcast lies in its window"

for kind in no-wind swap reverse-v; do
    cp -r base "$kind"
    rm -f "$kind"/surge.f*.nc "$kind"/rst.f*.nc "$kind"/max.nc "$kind"/stations.nc
    "$tools/sabotage" "$kind" "$kind"/force.*.nc || bail "sabotage $kind"
    run_model "$kind" && ! window "$kind"
    result $? "a twin with its wind spoiled ($kind) leaves the window"
    rm -rf "$kind"
done

awk -F, 'BEGIN { OFS = "," } /^20/ { $3 -= 1 } { print }' "$template/track.csv" >west.csv
make_forcing west.csv west >log 2>&1 && run_model west && ! window west
result $? "a twin with its track 1 degree further west leaves the window"

"$MPIRUN" -np 1 "$surge" base/nothing.cfg >log 2>&1
[ $? -eq 78 ] && grep -q nothing.cfg log
result $? "a missing configuration is named"
