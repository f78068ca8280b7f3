#!/bin/bash
# The tree keeps to its own rules: directions of includes, sizes, globals and calls.
# Sabotaged copies must fail, so that a check that has gone blind is noticed.
set -u
top=$FL_TOP_SRCDIR
tools=$top/tests/tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
fail() { n=$((n + 1)); echo "not ok $n - $1"; sed 's/^/# /' "$work/out"; }
passes() { # NAME COMMAND...
    local name=$1; shift
    "$@" >"$work/out" 2>&1
    case $? in
    0) ok "$name" ;;
    77) n=$((n + 1)); echo "ok $n - $name # SKIP $(head -1 "$work/out")" ;;
    *) fail "$name" ;;
    esac
}
catches() { # NAME TEXT COMMAND...
    local name=$1 text=$2; shift 2
    if "$@" >"$work/out" 2>&1; then fail "$name"
    elif grep -q -e "$text" "$work/out"; then ok "$name"
    else fail "$name"; fi
}
copy() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree"/{engine/base,stages,data-fetch,bench,tests/tools}
    cp "$tools/layers.txt" "$tools/objects.txt" "$work/tree/tests/tools/"
}

echo "1..9"
passes "every include points in an allowed direction" "$tools/check-layers" "$top"
passes "files and functions keep their size" "$tools/check-size" "$top"
passes "no writable globals, no outside calls but in engine/world" \
    "$tools/check-objects" "$top" "$FL_TOP_BUILDDIR"

copy
printf '%s\n' '#include "config.h"' '#include "engine/world/world.h"' \
    '#include "engine/base/banned.h"' >"$work/tree/engine/base/x.c"
catches "an include against the direction is found" "x.c:2: engine/base may not include" \
    "$tools/check-layers" "$work/tree"
printf '%s\n' '#include "config.h"' '#include <netcdf.h>' '#include "engine/base/banned.h"' \
    >"$work/tree/engine/base/x.c"
catches "a library in the wrong place is found" "x.c:2: engine never includes <netcdf.h>" \
    "$tools/check-layers" "$work/tree"
printf '%s\n' '#include "config.h"' '#include <stdio.h>' >"$work/tree/engine/base/x.c"
catches "a file without the banned list is found" "last include" "$tools/check-layers" "$work/tree"
{ echo "int f(void)"; echo "{"; for i in $(seq 71); do echo "    g($i);"; done; echo "}"; } \
    >"$work/tree/engine/base/x.c"
catches "a long function is found" "71 lines" "$tools/check-size" "$work/tree"
seq 801 >"$work/tree/engine/base/x.c"
catches "a long file is found" "longer than 800" "$tools/check-size" "$work/tree"
printf '%s\n' '#include <time.h>' 'int counter;' 'long f(void) { return time(0) + counter++; }' \
    >"$work/tree/engine/base/x.c"
(cd "$work/tree/engine/base" && ${CC:-cc} -c x.c -o x.o)
"$tools/check-objects" "$work/tree" "$work/tree" >"$work/out" 2>&1
if grep -q "writable global counter" "$work/out" && grep -q "calls time" "$work/out"
then ok "a global and a call of the clock are found"
else fail "a global and a call of the clock are found"; fi
