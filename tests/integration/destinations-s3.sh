#!/bin/bash
# Products to a real S3-compatible store (OpenStack Swift's S3 interface): signatures, uploads in
# parts that go on where they stopped, left-over uploads, kills, and what people get wrong.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
. "$FL_TOP_SRCDIR/tests/lib/servers.sh"
needs swift-proxy-server swift-object-server swift-ring-builder python3
plan 19

read -r port object container account closed <<<"$(free_ports 5)"
mkdir secrets && chmod 700 secrets
echo testing >secrets/right && echo "top secret" >secrets/wrong && chmod 600 secrets/*
swift_start "$work/swift" "$port" "$object" "$container" "$account" ||
    bail "swift does not start: $(tail -n 3 servers.log)"
proxy=$server
store=http://127.0.0.1:$port
ask() { "$FL_TOP_SRCDIR/tests/tools/s3ask" "$1" "$store/$2" test:tester testing; }
ask PUT products >bucket.txt 2>&1 || bail "no bucket: $(cat bucket.txt)"
head -c 20000000 /dev/urandom >big.bin
head -c 1000 /dev/urandom >small.bin
: >empty.bin

one() { # NAME BUCKET SECRET LINES
    echo "$1 = { kind = \"s3\"; url = \"$store/a prefix\"; bucket = \"$2\";
        access_key = \"test:tester\"; secret_key = \"secret:$3\"; part = \"5MiB\"; $4 };"
}
cat >site.cfg <<END
site: { name = "local"; secrets = "secrets"; destinations = {
$(one good products right "")
$(one slow products right "cap = \"40Mbit\"; inflight = 1;")
$(one wrong products wrong "")
$(one nowhere nothing right "")
closed = { kind = "s3"; url = "http://127.0.0.1:$closed"; bucket = "b";
    access_key = "k"; secret_key = "secret:right"; };
}; };
END
export FAIRLEAD_SITE=$work/site.cfg

put() { fairlead-transfer put "$@"; }
keys() { ask GET "products?list-type=2" | grep -o '<Key>[^<]*' | cut -c6-; }
# fetched SET: what is in the store of a set, held against its manifest.
fetched() {
    local name
    rm -rf "got.$1" && mkdir "got.$1" || return 1
    for name in MANIFEST big.bin small.bin empty.bin; do
        [ "$(keys | grep -cxF "a prefix/$1/$name")" -eq 0 ] ||
            ask GET "products/a%20prefix/$1/$name" >"got.$1/$name" || return 1
    done
    (cd "got.$1" && sha256sum --quiet -c MANIFEST)
}
uploads() { ask GET "products?uploads" | grep -c '<UploadId>'; }
refused() { # WORDS CODE COMMAND...
    local words=$1 code=$2
    shift 2
    exits "$code" "$@" >out.txt 2>&1 && has "$words" out.txt
}

# ---- what is right ----
try "all steps of a check go well" fairlead-transfer destinations --check good
try "a check leaves nothing behind" same "$(keys)" ""
try "a set is sent, with a manifest" put big.bin small.bin empty.bin --to good --set day
try "its files are the right ones" fetched day
put big.bin small.bin --to good --set day >again.txt 2>&1
try "what is there is not sent again" bash -c '[ "$(grep -c "sent 0" again.txt)" -eq 2 ]'
head -c 500 /dev/urandom >small.bin
try "a new version takes the old one's place" put small.bin --to good --set day
try "and the manifest says so" fetched day

# ---- what people get wrong ----
try "a missing bucket is said to be one" refused "NoSuchBucket" 78 put small.bin --to nowhere --set x
try "a wrong secret is refused, and not shown" bash -c '
    fairlead-transfer put small.bin --to wrong --set x >out.txt 2>&1
    [ $? -eq 78 ] && grep -q "SignatureDoesNotMatch" out.txt && ! grep -q "top secret" out.txt'
try "a check says what to look at" \
    refused "this machine's clock" 78 fairlead-transfer destinations --check wrong
chmod 644 secrets/right
try "a secret that others can read is refused" refused "0600" 78 put small.bin --to good --set x
chmod 600 secrets/right
try "a check of a closed port says what to look at" \
    refused "check the host and the port" 75 fairlead-transfer destinations --check closed

# ---- uploads that were cut ----
fairlead-transfer put big.bin --to slow --set cut >cut.txt 2>&1 &
sender=$!
until [ -n "$(find swift/dev -path '*objects*' -name '*.data' -size +4M -newer cut.txt)" ]; do
    read -rt 0.05 <> <(:)
done
kill -KILL "$sender"
wait "$sender" 2>/dev/null
try "a cut upload gives nothing a name" bash -c "! grep -q /cut/ <<<'$(keys)'"
put big.bin --to good --set cut >cut.txt 2>&1
try "it goes on with the parts that are missing" bash -c '! grep -q "sent 20000000" cut.txt && grep -q "20000000 bytes, sent" cut.txt'
try "the file is the right one, and no upload is left" bash -c "$(declare -f ask keys fetched uploads); store=$store; fetched cut && [ \"\$(uploads)\" -eq 0 ]"

fairlead-transfer put big.bin --to slow --set broken >broken.txt 2>&1 &
sender=$!
until [ -n "$(find swift/dev -path '*objects*' -name '*.data' -size +4M -newer broken.txt)" ]; do
    read -rt 0.05 <> <(:)
done
end_server "$proxy"
swift_proxy_start "$work/swift" "$port" && proxy=$server
wait "$sender"
try "a store that ends in the middle is outwaited" same $? 0
try "and the file is the right one" fetched broken

# ---- kills of ourselves ----
nothing_or_right() { ! keys | grep -qF "/killed/MANIFEST" || fetched killed; }
n=6
[ -z "${FL_FULL:-}" ] || n=100
try "a kill at any instant leaves no manifest or the right bytes" \
    kills $n 13 fairlead-transfer put big.bin small.bin --to good --set killed
put big.bin small.bin --to good --set killed >>kills.log 2>&1
try "and the next start ends well" fetched killed
