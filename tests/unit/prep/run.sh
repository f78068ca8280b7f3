#!/bin/bash
# fairlead-prep as a program: its face, its exit codes, and the chain from relief and GRIB to forcing.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
prep=$FL_TOP_BUILDDIR/stages/prep/fairlead-prep
man=$FL_TOP_SRCDIR/man/fairlead-prep.1
work=$(mktemp -d "$PWD/prep.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset FAIRLEAD_OUTPUT_DIR FAIRLEAD_SOCKET FAIRLEAD_RUN FAIRLEAD_WORKFLOW FAIRLEAD_STAGE FAIRLEAD_CYCLE \
    FAIRLEAD_LEAD DATA

# code WANTED WORDS COMMAND...: the exit code, and the words in what it said.
code() {
    local want=$1 words=$2
    shift 2
    "$@" >out 2>&1 </dev/null
    [ $? -eq "$want" ] && { [ -z "$words" ] || grep -qF -- "$words" out; } && return 0
    comment <out
    return 1
}

cat >domain.cfg <<END
west = -91.0; east = -81.5; south = 23.0; north = 31.0; cells_per_degree = 24;
open_edges = ["south", "west", "east"];
relief = { file = "$FL_ETOPO5"; variable = "ROSE"; latitude = "ETOPO05_Y"; longitude = "ETOPO05_X"; };
END
echo 'step = "PT10M";' >forcing.cfg
gfs=$FL_SAMPLE_DATA/gfs-1p00-wind10m-michael2018/gfs.20181009.t00z.pgrb2.1p00.wind10m
page=$FL_SAMPLE_DATA/broken-inputs/gfs.20181010.t18z.pgrb2.1p00.f000.error-page.html

plan 10
code 0 "fairlead-prep 0" "$prep" --version
result $? "it tells its version"
missing=
"$prep" --help >help
for word in $(grep -o -- '--[a-z]*' help | sort -u); do
    sed 's/\\-/-/g' "$man" | grep -qF -- "$word" || missing="$missing $word"
done
[ -z "$missing" ]
result $? "every option of --help is in the manual page$missing"
code 78 "grid DOMAIN.cfg or forcing FORCING.cfg was expected" "$prep" grd domain.cfg
result $? "an unknown command is a matter for the person who typed it"
code 78 "--to is missing" "$prep" grid domain.cfg
result $? "a missing option is named"
code 78 "gone.cfg" "$prep" grid gone.cfg --to grid.nc
result $? "a missing configuration is named"
code 0 "" "$prep" grid domain.cfg --to grid.nc
result $? "the grid of the Gulf of Mexico is made from the relief"
mkdir out.d
FAIRLEAD_OUTPUT_DIR=$PWD/out.d code 0 "" "$prep" grid domain.cfg --to grid.nc && cmp -s grid.nc out.d/grid.nc
result $? "a stage's output goes to its output folder, with the same bytes"
if [ -n "$FL_SAMPLE_DATA" ] && [ -r "$page" ]; then
    code 0 "" env FAIRLEAD_CYCLE=20181009T0000Z FAIRLEAD_LEAD=+003 "$prep" forcing forcing.cfg \
        --grid grid.nc --from +000 --to force.f003.nc "$gfs.f000.grib2" "$gfs.f003.grib2" &&
        [ -s force.f003.nc ]
    result $? "forcing is made from real GFS files, cycle and lead from the environment"
    code 65 "GRIB files hold valid times 20181009T0000Z to 20181009T0300Z" "$prep" forcing forcing.cfg \
        --grid grid.nc --cycle 20181010T0000Z --from +000 --lead +003 --to no.nc \
        --grib "$gfs.f000.grib2" --grib "$gfs.f003.grib2" && [ ! -e no.nc ]
    result $? "yesterday's files are refused by what is inside"
    code 65 "<!DOCTYPE" "$prep" forcing forcing.cfg --grid grid.nc --cycle 20181010T1800Z --from +000 \
        --lead +000 --to no.nc "$page" && [ ! -e no.nc ]
    result $? "an error page is refused by its first words"
else
    skip "forcing is made from real GFS files" "no sample data"
    skip "yesterday's files are refused by what is inside" "no sample data"
    skip "an error page is refused by its first words" "no sample data"
fi
