# What the tests of the engine's programs share. After tap.sh; makes and enters a scratch folder.
PATH=$FL_TOP_BUILDDIR/engine/cli:$FL_TOP_BUILDDIR/engine/coordinator:$FL_TOP_BUILDDIR/engine/worker:$FL_TOP_BUILDDIR/data-fetch:$PATH
export PATH NO_COLOR=1
flow=$FL_TOP_SRCDIR/tests/integration/small/workflow.cfg
cycle=20181009T0000Z
children=()
work=$(mktemp -d "$PWD/engine-XXXXXX")
cd "$work" || exit 1
export FAIRLEAD_BOOK=$work/.book # of the transfers, unless a worker says where

# Ends what the test started and is still there, by its number; what it made goes too.
finish() {
    for pid in "${children[@]}"; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    [ -n "${FL_KEEP:-}" ] || rm -rf "$work"
}
trap finish EXIT

# try "sentence" COMMAND...: passed when the command succeeds; what it says is shown when not.
try() {
    local sentence=$1
    shift
    "$@" >last 2>&1
    local code=$?
    result $code "$sentence"
    [ $code -eq 0 ] || head -n 30 last | comment
}
same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
has() { grep -qF -- "$1" "$2" || { echo "no '$1' in:"; cat "$2"; return 1; }; }
exits() { # CODE COMMAND...
    local want=$1 code
    shift
    "$@"
    code=$?
    same $code "$want"
}

# json FILE EXPRESSION: prints the Python expression over d, the parsed file (a list for JSON
# lines); fails when it is false.
json() {
    python3 - "$1" "$2" <<'PYTHON'
import json, sys
text = open(sys.argv[1]).read()
try:
    d = json.loads(text)
except json.JSONDecodeError:
    d = [json.loads(line) for line in text.splitlines() if line]
value = eval(sys.argv[2])
print(value)
sys.exit(1 if value is False or value is None else 0)
PYTHON
}

# The bodies that were started, in order of their names.
bodies() { sort "$1" | tr '\n' ','; }
all_bodies='make -,post +000,post +003,post +006,sum -,'
