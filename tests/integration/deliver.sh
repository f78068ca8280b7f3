#!/bin/bash
# From made to received to removed: what a delivery leaves at the destination and at the source.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
flow=$FL_TOP_SRCDIR/tests/integration/deliver/workflow.cfg
run=dlv/$cycle
set=state/local/products/$run
plan 26

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

# With daemons: custody, verify and withdraw by the command line.
fairlead custody $run --state state >custody.txt 2>&1
try "custody prints the ledger of a run, with what was removed at the source" same \
    "$?,$(grep -c 'removed at source' custody.txt)" 0,4
try "verify proves a folder" fairlead verify "$set"
try "also where only the command line is known by its path" \
    env PATH=/usr/bin:/bin "$FL_TOP_BUILDDIR/engine/cli/fairlead" verify "$set"
exec 5< <(exec fairleadd --state state --listen tcp://127.0.0.1:0 2>daemon.txt)
children+=($!)
read -r line <&5
echo "$line" >ready.json
endpoint=$(json ready.json "d['endpoint']")
exec 7< <(exec fairlead events --state state --follow --json)
children+=($!)
try "without a worker at the destination a withdrawal is refused, with what to do" exits 78 \
    fairlead withdraw "$run" product.f003.txt --why "wrong sign" --state state
cp last refused.txt
try "and says so" has "fairlead-transfer withdraw" refused.txt
exec 8< <(exec fairlead-worker --name local --coordinator "$endpoint" --keys state/keys \
    --site hpc=state/hpc --site local=state/local --pool main:site=hpc --pool store:site=local 2>&1)
children+=($!)
grep -qm1 '"worker-joined".*"local"' <&7
try "a file that was not delivered is refused" exits 78 \
    fairlead withdraw "$run" nothing.txt --why "wrong sign" --state state
try "a reason is needed" exits 78 fairlead withdraw "$run" product.f003.txt --state state
try "a product is withdrawn" fairlead withdraw "$run" product.f003.txt --why "wrong sign" --state state
grep -qm1 'remove.done.*withdraw' <&8
try "it is moved aside at the destination" same "$(ls -A "$set/.withdrawn" | wc -l),$(ls "$set" | grep -c f003)" 1,0
try "its readers find a notice with reason and person" grep -q "product.f003.txt.*wrong sign (" "$set/WITHDRAWN.txt"
try "the rest proves itself" fairlead verify "$set"
fairlead events --state state --json >events.json
try "the record has it" json events.json \
    "[(e['path'], e['why']) for e in d if e['type'] == 'product-withdrawn'] == [('product.f003.txt', 'wrong sign')]"
