#!/bin/bash
# Stages that start when leads of a source are there: looked for by a worker's child, by the source's
# own rule; over a kill of everything nothing starts twice; what is given up takes the other branch.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
plan 16
mkdir -p root catalogue
exec 4< <(exec "$FL_TOP_BUILDDIR/tests/tools/origin" --root root --log 2>requests.txt)
children+=("$!")
read -r line <&4
echo "$line" >origin.json
url=$(json origin.json "d['origin']")
# source NAME GIVE_UP
source_file() {
    cat >"catalogue/$1.cfg" <<CFG
source: {
  name = "$1"; title = "a toy"; licence = "none"; cycles = { every = "PT6H"; };
  leads = ["+000/+024/3"];
  paths = ( { path = "{cycle:%Y%m%d%H}/f{lead:hhh}.grib2"; } );
  index = { kind = "idx"; suffix = ".idx"; };
  mirrors = ( { url = "$url"; connections = 2; provider = "toy"; } );
  wait = { first = "PT0S"; poll = "PT1S"; give_up = "$2"; };
};
CFG
}
source_file toy.open P20000D
source_file toy.over PT7H
export FAIRLEAD_CATALOGUE=$PWD/catalogue FAIRLEAD_BOOK=$PWD/book
mkdir -p root/2018100900
# there LEAD: its index appears, whole
there() {
    echo "1:0:d=2018100900:UGRD:10 m above ground:$((10#$1)) hour fcst:" >new.idx
    mv new.idx "root/2018100900/f$1.grib2.idx"
}

there 000
try "await tells what is there and what was given up" fairlead-transfer await --source toy.over --cycle $cycle \
    --leads +000/+006/3
cp last told.txt
try "the lead that is there" json told.txt "d[0] == {'lead': '+000'}"
try "and why the others are not" json told.txt \
    "[e['lead'] for e in d if e.get('absent') and 'answered 404' in e['cause']] == ['+003', '+006']"
echo "2:nonsense" >root/2018100900/f003.grib2.idx
fairlead-transfer await --source toy.over --cycle $cycle --leads +003 >told.txt 2>/dev/null
try "an index that is not whole is not there" json told.txt "'index' in d['cause'] or 'line' in d['cause']"
rm root/2018100900/f003.grib2.idx
try "a lead that the source has not is refused" exits 78 fairlead-transfer await --source toy.open --cycle $cycle \
    --leads +001
cp last told.txt
try "with those it has" has "+000/+024/" told.txt
try "so is a cycle" exits 78 fairlead-transfer await --source toy.open --cycle 20181009T0100Z --leads +000

cat >workflow.cfg <<'FLOW'
workflow: {
  name = "small"; leads = { hours = "+000/+006/3"; }; params = { gate = ""; };
  stages: {
    fetch: { per = "leads:hours"; when = "source:toy.open"; program = "sh";
             args = ["-c", "echo {lead} >>{gate}; echo x >../out/x.{lead}"]; outputs = { x = "x.{lead}"; }; };
    early: { when = "source:toy.over(hours)"; optional = true; program = "true"; };
    late:  { when = "early:skipped"; program = "sh"; args = ["-c", "echo late >>{gate}"]; };
    all:   { program = "sh"; args = ["-c", "echo all >../out/all"]; inputs = { x = "fetch.x"; };
             outputs = { all = "all"; }; };
  };
};
FLOW
mkfifo gate
exec 8<>gate
fairlead run workflow.cfg --cycle $cycle --state state --set gate="$work/gate" >run.txt 2>&1 &
runner=$!
children+=("$runner")
read -r -t 60 one <&8
read -r -t 60 two <&8
try "the lead that is there lets its instance start, and what was given up the other branch" \
    same "$(printf '%s\n' "$one" "$two" | sort | tr '\n' ' ')" "f000 late "
try "why says how far the source is" has "0 of 1 leads are there" <(fairlead why fetch.f003 --state state)
kill -9 "$runner"
wait "$runner" 2>/dev/null
there 003
there 006
fairlead run workflow.cfg --cycle $cycle --state state --set gate="$work/gate" >again.txt 2>&1 &
runner=$!
children+=("$runner")
read -r -t 60 one <&8
read -r -t 60 two <&8
try "after a kill the rest is looked for" same "$(printf '%s\n' "$one" "$two" | sort | tr '\n' ' ')" "f003 f006 "
wait "$runner"
try "and the run comes to its end" same $? 0
fairlead status --state state --json >status.json
try "what was given up took the other branch" json status.json \
    "{i['stage']: i['state'] for i in d['stages'] if i['stage'] in ('early', 'late')} == {'early': 'skipped', 'late': 'succeeded'}"
try "and says why" has "was given up: not there by 2018-10-09T07:00:00Z" <(fairlead why early --state state)
fairlead events --state state --json >events.json
try "each lead was fetched once" json events.json \
    "sorted(e['key'] for e in d if e['type'] == 'attempt-begun' and e['stage'] == 'fetch') == ['+000', '+003', '+006']"
try "each lead is on the record once" json events.json \
    "sorted(e['lead'] for e in d if e['type'] == 'source-arrived' and e['output'] == 'toy.open') == ['+000', '+003', '+006']"
cat >wrong.cfg <<'FLOW'
workflow: { name = "wrong"; stages: { a: { when = "source:toy.none(+000)"; program = "true"; }; }; };
FLOW
fairlead run wrong.cfg --cycle $cycle --state wrong >wrong.txt 2>&1
try "a source that no catalogue has is said where it matters" has "is in no catalogue" <(fairlead why a --state wrong)
