# What the tests of the main job share. After tap.sh; sets run, demo, fairlead, tools.
run=surge-michael/20181009T0000Z
fairlead=$FL_TOP_BUILDDIR/engine/cli/fairlead
tools=$FL_TOP_BUILDDIR/tests/tools

# attribute FILE NAME: a global attribute of a NetCDF file, one line.
attribute() {
    ncdump -h "$1" | awk -v name=":$2" '$1 == name { on = 1 } on { print } on && / ;$/ { exit }' | tr -d '\n'
}

# output_path STATE STAGE FILE: where the newest attempt of a stage wrote a file.
output_path() {
    find "$1/hpc/work/$run/$2" -path '*/out/*' -name "$3" | sort | tail -n 1
}

# demo STATE [ARGS]: the demonstration, its output in STATE.log.
demo() {
    local state=$1
    shift
    "$FL_TOP_SRCDIR/tests/tools/demo" "$FL_TOP_BUILDDIR" --state "$state" "$@" >"$state.log" 2>&1
}

# started_before STATE A B: the first begin of stage A came before the last end of stage B.
started_before() {
    "$fairlead" status "$run" --state "$1" --json >status.json
    "$tools/status_times" status.json "$2" "$3"
}
