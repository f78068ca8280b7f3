#!/bin/bash
# The main job end to end: from a test origin to delivered products, with the engine, on the best track.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/demo.sh"
work=$(mktemp -d "$PWD/demo-XXXXXX")
[ -n "${FL_KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
plan 12

demo "$work/run"
result $? "the demonstration ends well"
comment <<<"$(tail -n 40 run.log)"
products=run/local/products/$run
(cd "$products" && sha256sum --quiet -c MANIFEST)
result $? "sha256sum -c MANIFEST passes in the delivered folder"

count=0
for lead in $(seq -f %03g 0 54); do
    [ -s "$products/map.f$lead.png" ] && [ -s "$products/product.f$lead.nc" ] && count=$((count + 1))
done
[ "$count" -eq 55 ]
result $? "a map and a product for each of the 55 hours"
[ -s "$products/max.png" ] && [ -s "$products/max.nc" ] && [ -s "$products/stations.csv" ] &&
    [ -s "$products/stations.png" ] && [ -s "$products/peaks.csv" ]
result $? "the summary: maximum, series, plot, peaks"

"$tools/physics_window" "$(output_path run forecast max.nc)" "$(output_path run forecast stations.nc)" >window 2>&1
result $? "the water lies in its window"
comment <window

product=$products/product.f042.nc
[[ $(attribute "$product" Conventions) == *CF-1.8* ]]
result $? "a product says CF-1.8"
[[ $(attribute "$product" fairlead_workflow) == *surge-michael* && $(attribute "$product" fairlead_run) == *$run* &&
    $(attribute "$product" fairlead_cycle) == *20181009* && $(attribute "$product" fairlead_stage) == *post* ]]
result $? "and workflow, run, cycle and stage"
[[ $(attribute "$product" fairlead_sources) == *background.f042.grib2*sha256:* ]]
result $? "and its source files with digests"
ncdump -v time "$product" | tr -d ' \n' | grep -q 'time=151200;'
result $? "and the valid time of its lead"
[ -z "$(attribute "$product" fairlead_degraded)" ]
result $? "and no degraded mark"

started_before run post forecast >times 2>&1
result $? "post-processing of the first output began before the model ended"
comment <times

start=$SECONDS
demo "$work/run"
[ $? -eq 0 ] && grep -q 'Products:' run.log
result $? "a second demonstration shows the same run again (in $((SECONDS - start)) s)"
