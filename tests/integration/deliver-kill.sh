#!/bin/bash
# kill -9 of everything while products are made, delivered and removed at their source: no product is
# ever in neither place, and in the end all are delivered and none is left.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
flow=$FL_TOP_SRCDIR/tests/integration/deliver/workflow.cfg
rounds=${FL_ROUNDS:-3}
plan 7

# Each file that the record has as accepted and delivered, or as removed, proves itself somewhere: by
# its digest, at the source or at the destination.
in_neither_place() {
    fairlead events --state "$1" --json >"$1.json" 2>/dev/null || return 0
    python3 - "$1" "$run" <<'PYTHON'
import hashlib, json, os, sys
state, run = sys.argv[1:]
have = set()
for top in (state + '/hpc', state + '/local/products'):
    for folder, _, files in os.walk(top):
        for name in files:
            try:
                have.add(hashlib.sha256(open(os.path.join(folder, name), 'rb').read()).hexdigest())
            except FileNotFoundError:
                pass  # it is just being moved
text = open(state + '.json').read()
try:
    events = json.loads(text)
except json.JSONDecodeError:
    events = [json.loads(line) for line in text.splitlines() if line]
lost = [e['path'] for e in (events if isinstance(events, list) else [events])
        if e.get('type') == 'output-accepted' and e['output'] in ('product', 'all') and e['sha256'] not in have]
print('\n'.join(lost))
sys.exit(1 if lost else 0)
PYTHON
}

run=dlv/$cycle
lost=0
torn=0
whole=0
for round in $(seq "$rounds"); do
    state=state$round
    code=1
    for kill in $(seq 40); do
        fairlead run "$flow" --cycle $cycle --state "$state" --retry >"$state.txt" 2>&1 &
        victim=$!
        if [ "$kill" -lt 6 ]; then
            for _ in $(seq $(((round * 7919 + kill * 104729) % 30000))); do :; done
            kill -9 $victim 2>/dev/null
        fi
        wait $victim 2>/dev/null
        code=$?
        in_neither_place "$state" >"$state.lost" || { lost=1; comment <"$state.lost"; }
        set=$state/local/products/$run
        if [ -e "$set/MANIFEST" ] && ! (cd "$set" && sha256sum --quiet -c MANIFEST >/dev/null 2>&1); then
            torn=1
        fi
        [ $code -eq 0 ] && break
    done
    [ $code -eq 0 ] && whole=$((whole + 1)) || comment <"$state.txt"
done 2>/dev/null
try "no product was ever in neither place" same $lost 0
try "what a MANIFEST lists was always true" same $torn 0
try "all runs came to their end" same $whole "$rounds"
left=0
short=0
unknown=0
for round in $(seq "$rounds"); do
    state=state$round
    [ -z "$(grep -rl PRODUCT-BYTES "$state/hpc")" ] || { left=1; grep -rl PRODUCT-BYTES "$state/hpc" | comment; }
    [ "$(cd "$state/local/products/$run" && ls *.txt | wc -l)" = 4 ] || short=1
    fairlead-transfer custody "$state/local/products" --json >rows.json
    json rows.json "all(r['removed'] for r in d) and len(d) >= 4" >/dev/null || unknown=1
done
try "no product byte is left at a source" same $left 0
try "all products are delivered" same $short 0
try "and each ledger knows when they were removed" same $unknown 0
try "the sets prove themselves" sh -c 'for d in state*/local/products/dlv/*/; do fairlead-transfer verify --quiet "$d" || exit 1; done'
