# Real servers on loopback, for the tests of destinations. After engine.sh, whose `children` they
# join: each is ended by its number. A server that is not installed: the test skips.
PATH=$PATH:/usr/sbin
unset FAIRLEAD_SITE

needs() { # COMMAND...: skips the whole test when one is missing
    local command
    for command in "$@"; do
        command -v "$command" >/dev/null || skip_all "$command is not installed"
    done
}

# free_ports N: as many that nothing listens on.
free_ports() {
    python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
[s.bind(("127.0.0.1", 0)) for s in held]
print(*[s.getsockname()[1] for s in held])' "$1"
}

# answers PORT: waits until something listens there, at most 20 s.
answers() {
    python3 -c '
import socket, sys, time
end = time.monotonic() + 20
while time.monotonic() < end:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        sys.exit(0)
    except OSError:
        time.sleep(0.02)
sys.exit(1)' "$1"
}

# run_server COMMAND...: in the background; its number in server.
run_server() {
    "$@" >>servers.log 2>&1 </dev/null &
    server=$!
    children+=("$server")
}
# end_server PID: at once, with what it has started.
end_server() {
    local child
    for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
        end_server "$child"
    done
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

# ---- sshd ----
sshd_prepare() { # FOLDER
    mkdir -p "$1" secrets && chmod 755 "$1" && chmod 700 secrets
    ssh-keygen -q -t ed25519 -N '' -f "$1/host"
    ssh-keygen -q -t ed25519 -N '' -f secrets/key
    ssh-keygen -q -t ed25519 -N '' -f secrets/other
    cp secrets/key.pub "$1/authorized" && chmod 644 "$1/authorized"
    host_key=$(ssh-keygen -lf "$1/host.pub" | cut -d' ' -f2)
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
}
sshd_start() { # FOLDER PORT [COMMAND before sshd...]
    local folder=$1 port=$2
    shift 2
    cat >"$folder/sshd.conf" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $folder/host
AuthorizedKeysFile $folder/authorized
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp
END
    run_server "$@" "$(command -v sshd)" -D -e -f "$folder/sshd.conf"
    answers "$port"
}

# ---- nginx, with DAV, plain and TLS ----
nginx_start() { # FOLDER PORT TLS_PORT
    local folder=$1
    mkdir -p "$folder/root/base" "$folder/root/readonly" "$folder/root/locked" "$folder/tmp"
    if [ "$(id -u)" -eq 0 ]; then chmod 777 "$folder/root" "$folder/root/base" "$folder/tmp" "$folder/root/locked"; fi
    [ -e "$folder/ca.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$folder/ca.key" -out "$folder/ca.pem" -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>>servers.log
    printf 'them:%s\n' "$(openssl passwd -apr1 'pass word')" >"$folder/htpasswd"
    cat >"$folder/nginx.conf" <<END
daemon off; pid $folder/nginx.pid; error_log $folder/error.log; worker_processes 1;
master_process off;
events {}
http {
    access_log $folder/access.log;
    client_body_temp_path $folder/tmp; proxy_temp_path $folder/tmp; fastcgi_temp_path $folder/tmp;
    uwsgi_temp_path $folder/tmp; scgi_temp_path $folder/tmp;
    server {
        listen 127.0.0.1:$2;
        listen 127.0.0.1:$3 ssl;
        ssl_certificate $folder/ca.pem; ssl_certificate_key $folder/ca.key;
        root $folder/root; client_max_body_size 0;
        location / { dav_methods PUT DELETE MKCOL COPY MOVE; }
        location /readonly/ { }
        location /locked/ {
            dav_methods PUT DELETE MKCOL COPY MOVE;
            auth_basic here; auth_basic_user_file $folder/htpasswd;
        }
    }
}
END
    run_server nginx -c "$folder/nginx.conf" -e "$folder/error.log"
    answers "$2"
}

# ---- Apache, with the whole of WebDAV and PUT in pieces ----
apache_start() { # FOLDER PORT
    local folder=$1 modules=/usr/lib/apache2/modules
    mkdir -p "$folder/root/base" "$folder/tmp"
    if [ "$(id -u)" -eq 0 ]; then chmod 777 "$folder" "$folder/root" "$folder/root/base" "$folder/tmp"; fi
    cat >"$folder/apache.conf" <<END
ServerRoot $folder
ServerName localhost
Listen 127.0.0.1:$2
PidFile $folder/apache.pid
ErrorLog $folder/apache.log
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule dir_module $modules/mod_dir.so
LoadModule dav_module $modules/mod_dav.so
LoadModule dav_fs_module $modules/mod_dav_fs.so
DavLockDB $folder/tmp/DavLock
User $([ "$(id -u)" -eq 0 ] && echo www-data || id -un)
Group $([ "$(id -u)" -eq 0 ] && echo www-data || id -gn)
DocumentRoot $folder/root
<Directory $folder/root>
    Dav On
    Require all granted
</Directory>
END
    run_server apache2 -DFOREGROUND -f "$folder/apache.conf"
    answers "$2"
}

# ---- OpenStack Swift with its S3 interface: bucket "products", test:tester with "testing" ----
swift_conf() { # FOLDER KIND PORT LINES...
    local folder=$1 kind=$2 port=$3
    shift 3
    printf '%s\n' '[DEFAULT]' 'bind_ip = 127.0.0.1' "bind_port = $port" 'workers = 0' \
        "user = $(id -un)" "swift_dir = $folder" "devices = $folder/dev" 'mount_check = false' \
        "log_name = $kind" "$@" >"$folder/$kind.conf"
}
swift_prepare() { # FOLDER PROXY_PORT OBJECT_PORT CONTAINER_PORT ACCOUNT_PORT
    local folder=$1 kind filter
    mkdir -p "$folder/dev/d1"
    printf '[swift-hash]\nswift_hash_path_suffix = tests\n' >"$folder/swift.conf"
    set -- "$folder" "$2" object "$3" container "$4" account "$5"
    local proxy=$2
    shift 2
    while [ $# -gt 0 ]; do
        kind=$1
        {
            swift-ring-builder "$folder/$kind.builder" create 2 1 0
            swift-ring-builder "$folder/$kind.builder" add "r1z1-127.0.0.1:$2/d1" 1
            swift-ring-builder "$folder/$kind.builder" rebalance
        } >>servers.log 2>&1
        swift_conf "$folder" "$kind" "$2" '[pipeline:main]' "pipeline = $kind-server" \
            "[app:$kind-server]" "use = egg:swift#$kind"
        shift 2
    done
    swift_conf "$folder" proxy "$proxy" '[pipeline:main]' \
        'pipeline = catch_errors gatekeeper cache listing_formats bulk s3api tempauth copy slo dlo symlink proxy-server' \
        '[app:proxy-server]' 'use = egg:swift#proxy' 'allow_account_management = true' \
        'account_autocreate = true'
    for filter in catch_errors gatekeeper listing_formats bulk copy slo dlo symlink; do
        printf '[filter:%s]\nuse = egg:swift#%s\n' "$filter" "$filter"
    done >>"$folder/proxy.conf"
    cat >>"$folder/proxy.conf" <<'END'
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
check_bucket_owner = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
END
}
swift_proxy_start() { # FOLDER PORT
    run_server swift-proxy-server "$1/proxy.conf"
    answers "$2"
}
swift_start() { # FOLDER PROXY_PORT OBJECT_PORT CONTAINER_PORT ACCOUNT_PORT
    local kind
    swift_prepare "$@"
    for kind in object container account; do
        run_server "swift-$kind-server" "$1/$kind.conf"
    done
    answers "$3" && answers "$4" && answers "$5" && swift_proxy_start "$1" "$2"
}

# ---- what the tests of each kind share ----

# grown FOLDER: waits until a file below it (hidden folders too) has bytes, at most 20 s.
grown() {
    python3 -c '
import os, sys, time
end = time.monotonic() + 20
while time.monotonic() < end:
    for folder, _, names in os.walk(sys.argv[1]):
        if any(name[0] != "." and os.path.getsize(os.path.join(folder, name)) > 0 for name in names):
            sys.exit(0)
    time.sleep(0.01)
sys.exit(1)' "$1"
}

# kills N SEED COMMAND...: starts it N times and ends it with SIGKILL after 0 to 0.6 s each.
kills() {
    local n=$1
    RANDOM=$2
    shift 2
    while [ "$n" -gt 0 ]; do
        timeout -s KILL "0.$(printf %03d $((RANDOM % 600)))" "$@" >>kills.log 2>&1
        n=$((n - 1))
        nothing_or_right || return 1
    done
    return 0
}
