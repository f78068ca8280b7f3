#!/bin/bash
# The main job on real GFS files: the cycle of 2018-10-10 18Z is missing at the source and the gap is
# bridged by the template's rule. Every product from the first affected lead on says so.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/demo.sh"
gfs=$FL_SAMPLE_DATA/gfs-1p00-wind10m-michael2018
[ -n "$FL_SAMPLE_DATA" ] && [ -d "$gfs" ] || skip_all "no sample data (--with-sample-data)"
work=$(mktemp -d "$PWD/demo-gfs-XXXXXX")
[ -n "${FL_KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
plan 10

demo "$work/run" --gfs "$gfs"
result $? "the demonstration on GFS files ends well (degraded, by rule)"
comment <<<"$(tail -n 40 run.log)"
grep -qi degraded run.log && grep -q '20181010T1800Z' run.log
result $? "it says degraded and names the cycle that is missing"
products=run/local/products/$run
(cd "$products" && sha256sum --quiet -c MANIFEST)
result $? "sha256sum -c MANIFEST passes in the delivered folder"

marked=0
for lead in $(seq -f %03g 40 54); do
    [[ $(attribute "$products/product.f$lead.nc" fairlead_degraded) == *20181010T1800Z*PT9H* ]] && marked=$((marked + 1))
done
[ "$marked" -eq 15 ]
result $? "products +040 to +054 carry cause and age ($marked of 15)"
clean=0
for lead in $(seq -f %03g 0 39); do
    [ -s "$products/product.f$lead.nc" ] && [ -z "$(attribute "$products/product.f$lead.nc" fairlead_degraded)" ] &&
        clean=$((clean + 1))
done
[ "$clean" -eq 40 ]
result $? "products +000 to +039 do not ($clean of 40)"
[[ $(attribute "$products/max.nc" fairlead_degraded) == *"unfit for the peak"* ]]
result $? "the maximum is unfit for the peak, and says so"
grep -q 'unfit for the peak' "$products/MANIFEST.json"
result $? "so does the manifest"
"$fairlead" status "$run" --state run --json | grep -q 'unfit for the peak'
result $? "so does the run"
"$fairlead" why "$run" prep.f042 --state run | grep -qi 'bridged'
result $? "why tells of the bridge"
[[ $(attribute "$products/product.f042.nc" fairlead_sources) == *sha256:* ]]
result $? "the sources are there with digests"
