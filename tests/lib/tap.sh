# TAP for shell tests: plan N; result CODE "sentence"; skip_all "why"; bail "why"; comment <text.
tap_number=0
plan() { echo "1..$1"; }
result() {
    tap_number=$((tap_number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $tap_number - $2"; else echo "not ok $tap_number - $2"; fi
}
skip() {
    tap_number=$((tap_number + 1))
    echo "ok $tap_number - $1 # SKIP $2"
}
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}
bail() {
    echo "Bail out! $1"
    exit 1
}
comment() { sed 's/^/# /'; }
