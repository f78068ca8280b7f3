#!/bin/bash
# fairlead-surge as a program, on several ranks: equal bits, restarts, waiting, refusals.
set -u
build=$FL_TOP_BUILDDIR
surge=$build/stages/surge/fairlead-surge
make_case=$build/tests/unit/surge/make_case
look=$build/tests/unit/surge/nc_look
work=$(mktemp -d "$PWD/surge.XXXXXX")
trap 'rm -rf "$work"' EXIT
unset FAIRLEAD_OUTPUT_DIR FAIRLEAD_SOCKET FAIRLEAD_RUN FAIRLEAD_WORKFLOW FAIRLEAD_STAGE FAIRLEAD_CYCLE DATA
# MPI keeps tables until the end in modules that it unloads: leaks are looked for in test_swe.
export ASAN_OPTIONS=detect_leaks=0
n=0
ok() { # CODE NAME
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"
    else echo "not ok $n - $2"; tail -20 "$work/out" | sed 's/^/# /'; fi
}
if ! command -v "${MPIRUN:-}" >/dev/null; then
    echo "1..0 # SKIP no mpirun"
    exit 0
fi
case $MPIRUN in
*mpich*) flags=() ;;
*) flags=(--oversubscribe --bind-to none --mca mpi_yield_when_idle 1) ;;
esac
model() { # RANKS CFG
    "$MPIRUN" "${flags[@]}" -np "$1" "$surge" "$2" >"$work/out" 2>&1 </dev/null
}
config() { # FOLDER FIRST EXTRA: a run of six hours
    mkdir -p "$1"
    cat <<END
title = "a moving low";
cycle = "20181009T0000Z";
leads = "$2/+006/1";
grid = "grid.nc";
forcing: { file = "force.{lead}.nc"; leads = "+000/+006/1"; wait = "PT1M"; };
stations: { file = "stations.csv"; within_km = 20.0; };
output: { folder = "$1"; restart_every = "PT3H"; };
physics: { ramp = "PT4H"; };
$3
END
}
refuses() { # NAME CODE TEXT CFG
    model 2 "$4"
    local code=$?
    [ $code -eq "$2" ] && grep -q -e "$3" "$work/out"
    ok $? "$1"
}

cd "$work" || exit 1
$make_case -x 48 -y 40 -h 6 || exit 1

# An answer that depends on the number of ranks cannot be checked on another machine.
for ranks in 1 2 4; do
    config "r$ranks" +000 "" >one.cfg
    sed -i 's/folder = "r.*"; restart/folder = "now"; restart/' one.cfg
    rm -rf now
    mkdir now
    model $ranks one.cfg
    ok $? "a run on $ranks rank(s) ends well"
    rm -rf "r$ranks"
    mv now "r$ranks"
done
highest=$(sed -n 's/.*+006 highest \([0-9.]*\) m.*/\1/p' out)
grep -q '^surge: done$' out && [ "$(tail -1 out)" = "surge: done" ]
ok $? "its last line is 'surge: done'"
for ranks in 2 4; do
    diff -rq r1 "r$ranks" >out 2>&1 && [ -s "r$ranks/surge.f006.nc" ] && [ -s "r$ranks/rst.f003.nc" ]
    ok $? "$ranks ranks write the same bytes as one"
done
$look same r1/surge.f006.nc r1/surge.f005.nc zeta >out 2>&1
[ $? -eq 1 ]
ok $? "(a difference would be seen)"

# A continued run must be the run that was not interrupted, ramp, maxima and series included.
config warm +000 'restart = "r1/rst.f003.nc";' >warm.cfg
model 2 warm.cfg &&
    $look same r1/surge.f006.nc warm/surge.f006.nc zeta u v zeta_max time_of_max >>out 2>&1 &&
    $look same r1/max.nc warm/max.nc zeta_max time_of_max >>out 2>&1 &&
    $look same r1/stations.nc warm/stations.nc time zeta >>out 2>&1 &&
    [ ! -e warm/surge.f003.nc ] && [ -e warm/surge.f004.nc ]
ok $? "a restart at +003 goes on bit for bit"

# The next cycle goes on from the last one's state; its maxima are its own.
mkdir next && cd next && $make_case -b 3 -h 3 -x 48 -y 40 &&
    config o +000 'restart = "../r1/rst.f003.nc";' | sed 's/T0000Z/T0300Z/; s/+006/+003/' >next.cfg
model 2 next.cfg && $look same ../r1/surge.f003.nc o/surge.f000.nc zeta u v >>../out 2>&1 &&
    ! $look same ../r1/surge.f003.nc o/surge.f000.nc zeta_max 2>/dev/null &&
    [ -e o/rst.f003.nc ] && grep -q "+003 highest ${highest:?} m" ../out
ok $? "the next cycle starts from the last one's restart file"
cd ..

# Forcing is followed as it arrives; a file that never comes must end the run, not hang it.
mkdir late && cd late && cp ../grid.nc ../stations.csv ../force.f00[0-2].nc .
config o +000 "" >late.cfg
"$MPIRUN" "${flags[@]}" -np 2 "$surge" late.cfg 2>&1 </dev/null | while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in
    *forcing.wait*f003*) mv ../force.f003.nc . && $make_case -h 6 -o 4 ;;
    *forcing.wait*f005*) ln ../force.f006.nc . && ln -s ../force.f005.nc force.f005.nc ;;
    esac
done >../out
grep -q "surge: done" ../out && cmp -s o/surge.f006.nc ../r1/surge.f006.nc ||
    $look same o/surge.f006.nc ../r1/surge.f006.nc zeta u v >>../out 2>&1
ok $? "the run waits for forcing that comes late, and loses nothing by it"
rm force.f004.nc
sed 's/PT1M/PT0S/' late.cfg >never.cfg
refuses "forcing that does not come ends the run as a thing to try again" 75 "force.f004.nc' did not appear" never.cfg
cd .. && mv late/force.f003.nc .

# The mark of a substitute must follow what was made from it, and nothing before.
mkdir mark && cd mark && $make_case -h 6 -s degraded && config o +000 "" >mark.cfg
model 2 mark.cfg
$look att o/surge.f001.nc fairlead_degraded >>"$work/out" 2>/dev/null
[ $? -eq 1 ] && $look att o/surge.f002.nc fairlead_degraded | grep -q 'cycle of 18Z missing \[age PT6H\]' &&
    $look att o/max.nc fairlead_degraded | grep -q 18Z && $look att o/stations.nc fairlead_degraded | grep -q 18Z &&
    $look att o/surge.f003.nc fairlead_sources | grep -q '^gfs.f003 sha256:'
ok $? "degraded forcing marks all outputs from the first that needs it on, and no earlier one"
cd ..

mkdir told && cd told && $make_case -h 6 && config o +000 "" >told.cfg
cat >inputs.json <<'END'
{"version":1,"run":"surge/20181009T0000Z","workflow":"surge","cycle":"20181009T0000Z","stage":"forecast","attempt":1,
 "inputs":[{"input":"forcing","stage":"prep","output":"forcing","lead":"+003","file":"force.f003.nc","site":"hpc",
            "path":"work/x/out/force.f003.nc","degraded":[{"cause":"older boundary","age":"PT12H"}]}]}
END
model 2 told.cfg && ! $look att o/surge.f002.nc fairlead_degraded >/dev/null 2>&1 &&
    $look att o/surge.f003.nc fairlead_degraded | grep -qx 'older boundary \[age PT12H\]' &&
    grep -q 'warning: degraded: older boundary' "$work/out"
ok $? "a mark that only inputs.json knows of counts as well, and is said at the end"
cd ..

# Input that breaks its contract is refused with file, variable, expected and found.
spoilt() { # HOW CODE TEXT NAME
    (mkdir "$1" && cd "$1" && $make_case -h 6 -s "$1" && config o +000 "" >bad.cfg) || return
    cd "$1" && refuses "$4" "$2" "$3" bad.cfg
    cd ..
}
spoilt nan 65 "force.f002.nc': u10 = nan at " "a wind that is not a number is refused with its place and time"
spoilt gap 65 "forcing fields are 3000 s apart.*force.f002.nc" "a gap in time is refused with both times"
spoilt units 65 "force.f002.nc': variable 'u10' has units 'knots', expected m s-1" "other units are refused"
spoilt size 65 "dimension 'lon' has length 47, expected 48" "forcing on another grid is refused"
spoilt day 65 "force.f002.nc': the last time is .* expected lead +002" "yesterday's file under today's name is refused"
mv grid.nc away.nc
refuses "a grid that is missing is named" 78 "'grid.nc': open: No such file" one.cfg
mv away.nc grid.nc
head -c 3000 r1/rst.f003.nc >cut.nc
config o +000 'restart = "cut.nc";' >cut.cfg
refuses "half a restart file is refused" 65 "'cut.nc' is not a whole NetCDF file" cut.cfg
config o +000 'restat = "x.nc";' >typo.cfg
refuses "an unknown key is refused with file and line" 78 "typo.cfg:9: unknown key 'restat'; accepted:" typo.cfg
sed 's|"+000/+006/1"; wait|"+000/+005/1"; wait|' one.cfg >short.cfg
refuses "forcing that ends before the run is refused at once" 78 "the forcing ends 60 minutes before the run" short.cfg
mkdir small && cd small && $make_case -y 10 -h 1 && config o +000 "" | sed 's/+006/+001/; /^stations/d' >small.cfg
model 4 small.cfg
[ $? -eq 78 ] && grep -q "4 ranks for 10 rows of cells: at most 3 ranks" "$work/out"
ok $? "more ranks than the grid has rows for are refused"
cd ..
"$surge" --help | grep -q "usage:" && "$surge" --version | grep -q "^fairlead-surge [0-9]" && "$surge" --check one.cfg >/dev/null
ok $? "--help, --version and --check work without MPI"
echo "1..$n"
