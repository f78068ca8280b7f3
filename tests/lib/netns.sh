# Two hosts joined by lines: network namespaces, veth pairs, tc tbf. Line I (from 1) joins the far
# host, 10.77.I.1, and the near one, 10.77.I.2, by interfaces lineI. The names have our process id, so
# that tests run beside each other.
net_far=fl$$f
net_near=fl$$n
far() { ip netns exec "$net_far" "$@"; }
near() { ip netns exec "$net_near" "$@"; }

# True when namespaces and tbf can be had; else says why not.
net_possible() {
    [ "$(id -u)" = 0 ] || { echo "network namespaces need root"; return 1; }
    command -v ip >/dev/null && command -v tc >/dev/null || { echo "iproute2 is not installed"; return 1; }
    local name=fl$$t why
    if why=$(ip netns add "$name" 2>&1 && ip -n "$name" link add line1 type veth peer name line2 2>&1 &&
        ip netns exec "$name" tc qdisc add dev line1 root tbf rate 1mbit burst 10kb latency 50ms 2>&1); then
        ip netns del "$name"
        return 0
    fi
    ip netns del "$name" 2>/dev/null
    echo "no network namespaces here: ${why%%$'\n'*}"
    return 1
}

# net_open COUNT MBIT
net_open() {
    local i
    for i in "$net_far" "$net_near"; do
        ip netns add "$i" || return 1
        ip -n "$i" link set lo up
    done
    for i in $(seq "$1"); do
        ip link add "line$i" netns "$net_far" type veth peer name "line$i" netns "$net_near" || return 1
        ip -n "$net_far" addr add "10.77.$i.1/24" dev "line$i"
        ip -n "$net_near" addr add "10.77.$i.2/24" dev "line$i"
        net_join "$i"
        net_rate "$i" "$2"
    done
}
net_close() {
    ip netns del "$net_far" 2>/dev/null
    ip netns del "$net_near" 2>/dev/null
}
net_shape() { # LINE RATE BURST MORE...
    local line=$1 rate=$2 burst=$3
    shift 3
    far tc qdisc replace dev "line$line" root tbf rate "$rate" burst "$burst" "$@" &&
        near tc qdisc replace dev "line$line" root tbf rate "$rate" burst "$burst" "$@"
}
net_rate() { net_shape "$1" "$2mbit" 256kb latency 50ms; } # LINE MBIT; also after a freeze
net_freeze() { net_shape "$1" 8kbit 10 limit 10; }         # every packet is lost, nobody is told
net_cut() { ip -n "$net_far" link set "line$1" down; }     # no carrier
net_join() {
    ip -n "$net_far" link set "line$1" up
    ip -n "$net_near" link set "line$1" up
}
# Bytes that the near host has received by a line.
net_bytes() { near cat "/sys/class/net/line$1/statistics/rx_bytes"; }
