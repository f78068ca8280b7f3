#!/bin/bash
# Products to real web servers with DAV: nginx (PUT, MKCOL, MOVE, DELETE; TLS; passwords), and Apache
# (all of WebDAV, and PUT in pieces, which goes on where it stopped).
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
. "$FL_TOP_SRCDIR/tests/lib/servers.sh"
needs nginx openssl python3
plan 24

read -r port tls closed apache <<<"$(free_ports 4)"
chmod 755 "$work"
mkdir secrets && chmod 700 secrets
printf 'pass word\n' >secrets/right && printf 'top secret\n' >secrets/wrong && chmod 600 secrets/*
nginx_start "$work/nginx" "$port" "$tls" || bail "nginx does not start: $(tail -n 3 servers.log)"
nginx=$server
head -c 20000000 /dev/urandom >big.bin
head -c 1000 /dev/urandom >small.bin
: >empty.bin

one() { # NAME URL LINES
    echo "$1 = { kind = \"webdav\"; url = \"$2\"; $3 };"
}
plain=http://127.0.0.1:$port
cat >site.cfg <<END
site: { name = "local"; secrets = "secrets"; destinations = {
$(one good "$plain/base" "")
$(one slow "$plain/base" "cap = \"40Mbit\"; inflight = 1;")
$(one nowhere "$plain/none" "")
$(one readonly "$plain/readonly" "")
$(one locked "$plain/locked" "user = \"them\"; password = \"secret:right\";")
$(one wrong "$plain/locked" "user = \"them\"; password = \"secret:wrong\";")
$(one nobody "$plain/locked" "")
$(one tls "https://127.0.0.1:$tls/base" "ca = \"nginx/ca.pem\";")
$(one unknown "https://127.0.0.1:$tls/base" "")
$(one closed "http://127.0.0.1:$closed/base" "")
$(one apache "http://127.0.0.1:$apache/base" "")
$(one pieces "http://127.0.0.1:$apache/base" "pieces = true; part = \"5MiB\"; cap = \"80Mbit\"; inflight = 1;")
}; };
END
export FAIRLEAD_SITE=$work/site.cfg
base=$work/nginx/root/base

put() { fairlead-transfer put "$@"; }
whole() { (cd "$1" && sha256sum --quiet -c MANIFEST); }
refused() { # WORDS CODE COMMAND...
    local words=$1 code=$2
    shift 2
    exits "$code" "$@" >out.txt 2>&1 && has "$words" out.txt
}

# ---- what is right ----
try "all steps of a check go well" fairlead-transfer destinations --check good
try "a check leaves nothing behind" same "$(find "$base" -mindepth 1)" ""
try "a set appears whole, with a manifest" put big.bin small.bin empty.bin --to good --set "a day/run"
try "its files are the right ones" whole "$base/a day/run"
head -c 500 /dev/urandom >small.bin
try "a new version takes the old one's place" put small.bin --to good --set "a day/run"
try "and the manifest says so" whole "$base/a day/run"
put big.bin --to good --set "a day/run" >again.txt 2>&1
try "what is there is not sent again" has "sent 0" again.txt
try "over TLS, with the authority that is told" put small.bin --to tls --set tls
try "with a password" put small.bin --to locked --set locked

# ---- what people get wrong ----
try "a missing folder is said to be one" refused "does not exist" 78 put small.bin --to nowhere
try "a server that takes nothing is said to do so" refused "does not do" 78 \
    fairlead-transfer destinations --check readonly
try "a wrong password is refused, and not shown" bash -c '
    fairlead-transfer put small.bin --to wrong --set x >out.txt 2>&1
    [ $? -eq 78 ] && grep -q "not accepted" out.txt && ! grep -q "top secret" out.txt'
try "no password is refused" refused "401" 78 put small.bin --to nobody --set x
try "a certificate of an unknown authority is refused" \
    refused "certificate" 78 put small.bin --to unknown --set x
sed 's#http://127.0.0.1#http://u:top%20secret@127.0.0.1#' site.cfg >clear.cfg
try "a password in the URL is refused, and not shown" bash -c '
    fairlead-transfer destinations --site clear.cfg >out.txt 2>&1
    [ $? -eq 78 ] && grep -q "clear.cfg:[0-9]*:" out.txt && ! grep -q "top%20secret" out.txt'
sed "s#$plain/base#http://192.0.2.1/base#" site.cfg >far.cfg
try "a far server without encryption is refused" \
    refused "without encryption" 78 fairlead-transfer destinations --site far.cfg
try "a check of a closed port says what to look at" \
    refused "check the host and the port" 75 fairlead-transfer destinations --check closed

# ---- what breaks ----
put big.bin --to slow --set broken >broken.txt 2>&1 &
sender=$!
grown "$work/nginx/tmp"
end_server "$nginx"
nginx_start "$work/nginx" "$port" "$tls" && nginx=$server
wait "$sender"
try "a server that ends in the middle is outwaited" same $? 0
try "and the file is the right one" whole "$base/broken"

nothing_or_right() { [ ! -e "$base/killed" ] || whole "$base/killed"; }
n=8
[ -z "${FL_FULL:-}" ] || n=100
try "a kill at any instant leaves nothing or the right bytes" \
    kills $n 11 fairlead-transfer put big.bin small.bin --to good --set killed
put big.bin small.bin --to good --set killed >>kills.log 2>&1
try "and the next start ends well" whole "$base/killed"

# ---- pieces ----
if command -v apache2 >/dev/null && apache_start "$work/apache" "$apache"; then
    there=$work/apache/root/base
    fairlead-transfer put big.bin --to pieces --set day >pieces.txt 2>&1 &
    sender=$!
    grown "$there"
    kill -KILL "$sender"
    wait "$sender" 2>/dev/null
    put big.bin --to pieces --set day >pieces.txt 2>&1
    try "a file in pieces is the right one" whole "$there/day"
    try "it went on where it stopped" bash -c '! grep -q "sent 20000000" pieces.txt && grep -q "20000000 bytes, sent" pieces.txt'
    try "a server with all of WebDAV passes a check" fairlead-transfer destinations --check apache
else
    for sentence in "a file in pieces is the right one" "it went on where it stopped" \
        "a server with all of WebDAV passes a check"; do
        skip "$sentence" "apache2 is not installed"
    done
fi
