#!/bin/bash
# A delivery to a destination of the site file, by daemons with keys: over the encrypted door to the
# site, on to the archive, signed, and removed at the source when both have it.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
run=arch/$cycle
plan 10
mkdir archive
fairlead keys setup node1 --state state >/dev/null
for site in hpc local; do fairlead keys site $site --state state >/dev/null; done
cat >site.cfg <<CFG
site: { name = "local"; keys = "$work/state/keys";
        destinations = { archive = { kind = "directory"; path = "$work/archive"; }; }; };
CFG
exec 5< <(exec fairleadd --state state --listen tcp://127.0.0.1:0 2>daemon.txt)
children+=($!)
read -r line <&5
echo "$line" >ready.json
fairlead-worker --name node1 --coordinator "$(json ready.json "d['endpoint']")" --keys state/keys \
    --site hpc=hpc --site local=local --site-file local=site.cfg --pool main:site=hpc,cores=2 \
    --pool store:site=local >worker.txt 2>&1 &
children+=($!)
fairlead submit "$FL_TOP_SRCDIR/tests/integration/deliver/archive.cfg" --cycle $cycle --state state --follow >run.txt 2>&1
try "a run that delivers to a site and to its archive succeeds" same $? 0
comment <run.txt
for place in local/products archive; do
    try "the set in $place is whole" same "$(cd $place/$run && echo *)" \
        "MANIFEST MANIFEST.json product.f000.txt product.f003.txt product.f006.txt"
    try "and is signed by the site" fairlead-transfer verify --quiet --key state/keys/manifest.pub $place/$run
done
try "nothing of it is kept on the way" same "$(find local/products/.fairlead/to -name 'product.*')" ""
try "nor at the source" same "$(grep -rl PRODUCT-BYTES hpc)" ""
fairlead-transfer custody local/products/.fairlead/to/archive --json >ledger.json
try "the archive's ledger has each file, received and removed at its source" json ledger.json \
    "len(d) == 3 and all(r['state'] == 'removed at source' and r['origin'].startswith('https://') for r in d)"
sed -i 's/^0/1/;s/^1/0/' archive/$run/MANIFEST
try "a manifest that somebody changed is found out" exits 65 \
    fairlead-transfer verify --quiet --key state/keys/manifest.pub archive/$run
fairlead custody $run --state state >all.txt
try "custody prints both ledgers" same "$(grep -c product.f003 all.txt)" 2
