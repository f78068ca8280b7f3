#!/bin/bash
# fairlead-post and fairlead-check as programs, one behind the other: what they write, what they
# stop, and how they exit.
set -u
top=$FL_TOP_SRCDIR build=$FL_TOP_BUILDDIR
. "$top/tests/lib/tap.sh"
plan 12
post=$build/stages/post/fairlead-post
check=$build/stages/check/fairlead-check
make_fields=$build/tests/golden/make_surge_fields
work=$(mktemp -d "$PWD/programs-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset FAIRLEAD_RUN FAIRLEAD_CYCLE FAIRLEAD_LEAD FAIRLEAD_SOCKET FAIRLEAD_OUTPUT_DIR DATA

mkdir clean marked
{ "$make_fields" clean && "$make_fields" marked "late wind"; } >log 2>&1 || bail "fields: $(cat log)"
cat >post.cfg <<END
kind = "hindcast"; event = "Michael"; note = "hindcast; no tide, no waves";
track = "$top/templates/surge-michael/track.csv"; gauges = "$top/templates/surge-michael/gauges.csv";
END
cat >rules.cfg <<'END'
rules = (
  { files = "product.*.nc"; type = "netcdf"; conventions = "CF-1.8"; time = "lead";
    attributes = ["title", "fairlead_sources"];
    variables = ( { name = "zeta"; dims = "time lat lon"; units = "m"; sea = "zeta_max";
                    missing_max = 0.0; min = -6.0; max = 9.0; } ); },
  { files = "*.png"; type = "png"; width_min = 800; height_min = 600; colours_min = 32; },
  { files = "stations.csv"; type = "csv"; time_column = "time_utc"; time = "PT10M"; rows_min = 325; }
);
END
exits() { # CODE COMMAND...
    local code=$1; shift
    "$@" >log 2>&1
    [ $? -eq "$code" ]
}
gate() { "$check" --rules rules.cfg --cycle 20181009T0000Z "$@"; }

exits 0 "$post" map post.cfg --field clean/surge.f042.nc --map map.f042.png --product product.f042.nc
result $? "a map and a product are made"
exits 0 "$post" summary post.cfg --max clean/max.nc --stations clean/stations.nc --to out &&
    grep -q "Mexico Beach pier.*SHOWN ONLY" log
result $? "the summary prints the peaks and says what is shown only"
exits 0 gate --lead +042 product.f042.nc map.f042.png out/max.png out/stations.png out/stations.csv
result $? "the gate lets them through"
exits 65 gate --lead +041 product.f042.nc && grep -q "^fail .*time" log
result $? "the gate stops a product of another lead"
exits 65 gate --lead +042 product.f042.nc out/peaks.csv && grep -q "no rule" log
result $? "the gate stops a file that no rule is for"

exits 0 "$post" map post.cfg --field marked/surge.f042.nc --product marked/product.f042.nc &&
    exits 0 gate --lead +042 --report report.json marked/product.f042.nc &&
    grep -q '"verdict": "degraded"' report.json && grep -q "late wind" report.json
result $? "a degraded product passes as degraded, and the report says why"
printf '%s' '{"version":1,"inputs":[{"input":"files","file":"product.f042.nc","degraded":[{"cause":"late wind","age":"PT9H"}]}]}' >inputs.json
exits 65 gate --lead +042 product.f042.nc && grep -q "no attribute 'fairlead_degraded'" log
result $? "a product that has lost the mark of its inputs is stopped"
rm inputs.json

exits 0 "$check" probe product.f042.nc --json && grep -q '"first":"2018-10-10T18:00:00Z"' log
result $? "the probe reads the valid time from inside"
head -c 2000 product.f042.nc >cut.nc
exits 65 "$check" probe cut.nc && grep -q cut.nc log
result $? "the probe names a file that was cut short"

exits 78 "$post" map post.cfg --map x.png && exits 78 "$check" product.f042.nc &&
    exits 78 "$check" --rules post.cfg product.f042.nc && grep -q "post.cfg:1" log
result $? "wrong usage and wrong rules exit with 78"
exits 78 "$post" map gone.cfg --field clean/surge.f042.nc --map x.png && grep -q gone.cfg log && [ ! -e x.png ]
result $? "missing settings are named, and nothing is written"
exits 0 "$post" --help && exits 0 "$post" --version && exits 0 "$check" --help && exits 0 "$check" --version
result $? "help and version are there"
