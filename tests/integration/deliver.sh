#!/bin/bash
# From made to received to removed: what a delivery leaves at the destination and at the source.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
flow=$FL_TOP_SRCDIR/tests/integration/deliver/workflow.cfg
run=dlv/$cycle
set=state/local/products/$run
plan 14

# found DIR: files below DIR, of whatever name, that hold bytes of a product.
found() { find "$1" -type f -exec grep -l PRODUCT-BYTES {} + | sort; }
nothing_found() { [ -z "$(found "$1")" ] || { found "$1"; return 1; }; }

fairlead run "$flow" --cycle $cycle --state state --set fail=f003 --set trail="$work/trail" >run.txt 2>&1
try "a run whose first attempt at one product failed succeeds" same $? 0
comment <run.txt
try "it made that product twice" same "$(grep -c f003 trail)" 2
try "the set is whole: sha256sum passes" sh -c "cd $set && sha256sum --quiet -c MANIFEST"
try "all products are in it" same "$(grep -l PRODUCT-BYTES $set/*.txt | wc -l)" 4
try "no product byte is left at the compute site, in whatever file" nothing_found state/hpc
for product in "$set"/*.txt; do
    find state/hpc -type f -size "$(stat -c %s "$product")c" -exec cmp -s "$product" {} \; -print
done >same.txt
try "nor a file that is the same as one of them" same "$(cat same.txt)" ""
try "the working folders are gone" same "$(find state/hpc -path '*/data*' | wc -l)" 0
try "what is no product stays" same "$(find state/hpc -name 'notes.*' | wc -l)" 3
try "nothing temporary is left at the destination" same "$(find state/local/products -path '*incoming*' -type f)" ""
fairlead events --state state --json >events.json
try "the record holds the sets with a root digest" json events.json \
    "sorted(e['stage'] for e in d if e['type'] == 'set-delivered' and len(e['sha256']) == 64) == ['deliver', 'summary']"
try "and the number of files removed" json events.json \
    "sum(e['files'] for e in d if e['type'] == 'files-removed') == 4"
try "the removal was asked after the last receipt" json events.json \
    "min(e['seq'] for e in d if e['type'] == 'removal-asked') > max(e['seq'] for e in d if e['type'] == 'output-accepted' and e['output'] == 'receipt')"
try "and the run ended after it" json events.json \
    "max(e['seq'] for e in d if e['type'] == 'custody-noted') < [e['seq'] for e in d if e['type'] == 'run-ended'][0]"
fairlead run "$flow" --cycle $cycle --state state >again.txt 2>&1
try "the same command shows the run again, and starts nothing" same "$?,$(wc -l <trail)" 0,4
