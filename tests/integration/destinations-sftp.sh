#!/bin/bash
# Products to a real SFTP server: what is right, what people get wrong, what breaks, and kills.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
. "$FL_TOP_SRCDIR/tests/lib/servers.sh"
needs sshd ssh-keygen python3
plan 27

read -r port closed <<<"$(free_ports 2)"
far=$work/far
me=$(id -un)
mkdir -p "$far/root"
sshd_prepare "$far"
sshd_start "$far" "$port" || bail "sshd does not start: $(tail -n 3 servers.log)"
sshd=$server
head -c 20000000 /dev/urandom >big.bin
head -c 1000 /dev/urandom >small.bin
: >empty.bin
echo "top secret" >secrets/word && chmod 600 secrets/word
chmod 644 secrets/other

one() { # NAME URL_PATH LINES: a destination
    echo "$1 = { kind = \"sftp\"; url = \"sftp://127.0.0.1:$port$2\"; user = \"$me\"; $3 };"
}
key="key = \"secret:key\"; host_key = \"$host_key\";"
cat >site.cfg <<END
site: { name = "local"; secrets = "secrets"; destinations = {
$(one good "$far/root" "$key")
$(one slow "$far/root/slow" "$key cap = \"40Mbit\"; inflight = 1;")
$(one trusting "$far/root" "$key proof = \"size\";")
$(one nowhere "$far/none" "$key")
$(one stranger "$far/root" "key = \"secret:key\"; host_key = \"SHA256:$(printf 'A%.0s' {1..43})\";")
$(one open_key "$far/root" "key = \"secret:other\"; host_key = \"$host_key\";")
$(one word "$far/root" "password = \"secret:word\"; host_key = \"$host_key\";")
closed = { kind = "sftp"; url = "sftp://127.0.0.1:$closed/x"; user = "$me"; $key };
}; };
END
export FAIRLEAD_SITE=$work/site.cfg

put() { fairlead-transfer put "$@"; }
whole() { (cd "$1" && sha256sum --quiet -c MANIFEST); }
refused() { # WORDS CODE COMMAND...
    local words=$1 code=$2
    shift 2
    exits "$code" "$@" >out.txt 2>&1 && has "$words" out.txt
}

# ---- what is right ----
try "all steps of a check go well, and leave nothing" fairlead-transfer destinations --check good
try "a check leaves nothing behind" same "$(find "$far/root" -mindepth 1)" ""
try "a set appears whole, with a manifest" put big.bin small.bin empty.bin --to good --set day/run
try "its files are the right ones" whole "$far/root/day/run"
try "nothing hidden is left of it" same "$(find "$far/root" -name '.*')" ""
put small.bin --to good --set day/run >again.txt 2>&1
try "what is there is not sent again" has "sent 0" again.txt
head -c 500 /dev/urandom >small.bin
try "a new version takes the old one's place" put small.bin --to good --set day/run
try "and the manifest says so" whole "$far/root/day/run"
try "names of any kind go over" bash -c 'cp small.bin "a \"b\" #%20ü;.bin" &&
    fairlead-transfer put "a \"b\" #%20ü;.bin" --to good --set "odd names" &&
    cmp small.bin "$0/root/odd names/a \"b\" #%20ü;.bin"' "$far"
try "where the size is proof enough nothing is read back" \
    bash -c 'fairlead-transfer put small.bin --to trusting --set size | grep -qF "size alone"'

# ---- what people get wrong ----
try "a missing folder is said to be one" refused "does not exist" 78 put small.bin --to nowhere
try "another host key is refused" refused "fingerprint" 78 put small.bin --to stranger
try "a key that others can read is refused" refused "0600" 78 put small.bin --to open_key
chmod 600 secrets/other
try "a key that the server does not know is refused" \
    refused "Authentication failure" 78 put small.bin --to open_key
try "a password that is wrong is refused, and not shown" bash -c '
    fairlead-transfer put small.bin --to word >out.txt 2>&1; [ $? -eq 78 ] && ! grep -q "top secret" out.txt'
sed "s/secret:word/top secret/" site.cfg >clear.cfg
try "a secret written in clear is refused, and not shown" bash -c '
    fairlead-transfer destinations --site clear.cfg >out.txt 2>&1
    [ $? -eq 78 ] && grep -q "clear.cfg:[0-9]*: .*in clear" out.txt && ! grep -q "top secret" out.txt'
try "a check of a closed port says what to look at" \
    refused "check the host and the port" 75 fairlead-transfer destinations --check closed

# ---- rights, and a server without any ----
if [ "$(id -u)" -eq 0 ]; then
    mkdir -p "$far/plain" && chown www-data "$far/plain"
    cp "$far/host" "$far/host.plain" && chown www-data "$far/host.plain"
    read -r other <<<"$(free_ports 1)"
    sed "s#HostKey .*#HostKey $far/host.plain#; s/^Port .*/Port $other/" "$far/sshd.conf" >"$far/plain.conf"
    chmod 755 "$work" "$far"
    chmod 644 "$far/plain.conf"
    run_server setpriv --reuid=www-data --regid=www-data --clear-groups "$(command -v sshd)" -D -e -f "$far/plain.conf"
    answers "$other"
    sed "s/:$port/:$other/; s/user = \"[a-z]*\"/user = \"www-data\"/; s#$far/root#$far/plain#" site.cfg >plain.cfg
    try "a server without rights of root takes files" \
        put small.bin --to good --set day --site plain.cfg
    chmod 755 "$far/root"
    sed "s#$far/plain#$far/root#" plain.cfg >denied.cfg
    try "a folder that may not be written to is said to be one" \
        refused "ermission denied" 78 put small.bin --to good --set other/day --site denied.cfg
else
    skip "a server without rights of root takes files" "not root: the server above is one"
    chmod 555 "$far/root"
    try "a folder that may not be written to is said to be one" \
        refused "ermission denied" 78 put small.bin --to good --set other/day
    chmod 755 "$far/root"
fi

# ---- what breaks ----
mkdir "$far/root/slow"
put big.bin --to slow --set broken >broken.txt 2>&1 &
sender=$!
grown "$far/root/slow"
end_server "$sshd"
sshd_start "$far" "$port" && sshd=$server
wait "$sender"
try "a server that ends in the middle is outwaited" same $? 0
try "and the file is the right one" whole "$far/root/slow/broken"

if [ "$(id -u)" -eq 0 ] && mkdir full && mount -t tmpfs -o size=8m none full 2>/dev/null; then
    sed "s#$far/root#$work/full#" site.cfg >full.cfg
    try "a full disk is said to be one, and can be waited for" \
        refused "are free there" 75 put big.bin --to good --set day --site full.cfg
    try "nothing has the name" bash -c '[ ! -e full/day ]'
    mount -o remount,size=64m full
    put big.bin --to good --set day --site full.cfg >more.txt 2>&1
    try "with space it goes on by itself" whole full/day
    try "where it stopped" bash -c '! grep -q "sent 20000000" more.txt && grep -q "20000000 bytes, sent" more.txt'
    umount full
else
    for sentence in "a full disk is said to be one, and can be waited for" "nothing has the name" \
        "with space it goes on by itself" "where it stopped"; do
        skip "$sentence" "no file system may be mounted"
    done
fi

# ---- kills of ourselves ----
nothing_or_right() { [ ! -e "$far/root/killed" ] || whole "$far/root/killed"; }
n=8
[ -z "${FL_FULL:-}" ] || n=100
try "a kill at any instant leaves nothing or the right bytes" \
    kills $n 7 fairlead-transfer put big.bin small.bin --to good --set killed
put big.bin small.bin --to good --set killed >>kills.log 2>&1
try "and the next start ends well" whole "$far/root/killed"
