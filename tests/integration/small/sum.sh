#!/bin/sh
# sum.sh TRAIL FAIL ALL DOC...
set -eu
trail=$1 fail=$2 all=$3
shift 3
echo "sum -" >>"$trail"
[ "$fail" = sum ] && exit 65
cat "$@" >"$all"
