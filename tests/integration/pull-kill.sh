#!/bin/bash
# A fetch of ranges is killed at random instants, again and again, until one comes through: at no time
# is there anything under the final name but the right bytes, what the journal holds is not asked for
# again (the server counts), and nothing hidden stays behind. The long form (FL_FULL) has 100 kills.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
tools=$FL_TOP_BUILDDIR/tests/tools
kills=12
[ -z "${FL_FULL:-}" ] || kills=100
plan 14

# A file of 210 messages, of which 180 in 30 runs are asked for.
folder=root/gfs.2018100900
name=gfs.t00z.pgrb2.0p50.f003
mkdir -p "$folder"
"$tools/make_background" --cycle 20181009T0000Z --leads +003/+003/1 --to bg || bail "no background"
for _ in $(seq 30); do cat bg/$name; done >$folder/$name
"$tools/make_idx" $folder/$name || bail "no index"
selection=':(UGRD|VGRD|TMP):'
awk -F: -v re="$selection" '{ print $2, (":" $4 ":" ~ /:(UGRD|VGRD|TMP):/) }' $folder/$name.idx >lines
size=$(stat -c %s $folder/$name)
# first byte and length of each message that is asked for
awk -v size="$size" '{ at[NR] = $1; want[NR] = $2 } END { at[NR + 1] = size
    for (i = 1; i <= NR; i++) if (want[i]) print at[i], at[i + 1] - at[i] }' lines >wanted
total=$(awk '{ n += $2 } END { print n }' wanted)
while read -r at length; do
    tail -c +$((at + 1)) $folder/$name | head -c "$length"
done <wanted >expected

# serve RULE: the origin, its log in origin.txt
serve() {
    echo "rules = ( $1 );" >rules.cfg
    exec 6< <(exec "$tools/origin" --root root --rules rules.cfg --log 2>>origin.txt)
    origin=$!
    children+=("$origin")
    read -r line <&6
    echo "$line" >origin.json
    url=$(json origin.json "d['origin']")
}
serve '{ path = "*.f003"; rate_bytes = 200000; }'

fetch() {
    exec fairlead-transfer get --source gfs.0p50 --mirror "$url" --cycle 20181009T0000Z --leads +003 \
        --select "$selection" --name x.grib2 --to got --give-up PT0S --book book
}
here() { # bytes that the journal holds
    awk '$1 == "M" { n += $5 } END { print n + 0 }' got/.incoming/x.grib2.part.log 2>/dev/null || echo 0
}
asked() { # bytes of data asked for since the mark
    tail -n +$((mark + 1)) origin.txt | awk -F'[= ]' '/f003. range=.bytes/ && /status=206/ { n += $NF }
        END { print n + 0 }'
}

whole=0 wrong=0 again=0 partly=0
for n in $(seq "$kills"); do
    had=$(here)
    mark=$(wc -l <origin.txt)
    (fetch) >run.txt 2>&1 &
    pid=$!
    # an instant between the start and a little after the end
    timeout "$(awk -v r=$RANDOM 'BEGIN { printf "%.3f", 0.01 + r / 32768 * 0.7 }')" \
        tail -f /dev/null --pid="$pid"
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    [ "$(asked)" -le $((total - had)) ] || again=$((again + 1))
    [ "$(here)" -gt 0 ] && partly=$((partly + 1))
    if [ -e got/x.grib2 ]; then
        cmp -s got/x.grib2 expected || wrong=$((wrong + 1))
        whole=$((whole + 1))
        rm -rf got
    fi
done
echo "# $kills kills: $partly left a part behind, $whole came after the end"
result "$wrong" "the final name holds nothing or the right bytes"
result "$again" "what the journal holds is not asked for again"
result $((partly == 0)) "some kills left a part behind"

had=$(here)
mark=$(wc -l <origin.txt)
finish_it() { (fetch); }
try "the last start comes through" finish_it
try "it asks for exactly what is missing" same "$(asked)" $((total - had))
try "the file is right" cmp got/x.grib2 expected
try "nothing hidden stays behind" same "$(ls -A got/.incoming 2>/dev/null)" ""
mark=$(wc -l <origin.txt)
try "the next start asks for nothing" finish_it
try "at all" same "$(wc -l <origin.txt)" "$mark"

# The same bytes wanted in another place of this site: one question, no data.
mark=$(wc -l <origin.txt)
other() { (exec fairlead-transfer get --source gfs.0p50 --mirror "$url" \
    --cycle 20181009T0000Z --leads +003 --select "$selection" --name y.grib2 --to other \
    --give-up PT0S --book book); }
try "the same bytes in another place" other
try "are not fetched again" same "$(asked)" 0
try "and are right" cmp other/y.grib2 expected

# Two at once: one fetches, the other has it from there.
rm -rf got other book
mark=$(wc -l <origin.txt)
(fetch) >one.txt 2>&1 &
one=$!
(other) >two.txt 2>&1 &
two=$!
wait $one && wait $two
try "two at once both come through" cmp got/x.grib2 other/y.grib2
try "with one transfer" same "$(asked)" "$total"
