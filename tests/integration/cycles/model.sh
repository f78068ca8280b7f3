#!/bin/sh
# model.sh CYCLE OUTPUT [START]: a restart file that says which cycles it came through.
set -eu
cycle=$1 output=$2
shift 2
if [ $# -gt 0 ] && [ -n "$1" ]; then cat "$1" >"$output"; else echo cold >"$output"; fi
echo "$cycle" >>"$output"
