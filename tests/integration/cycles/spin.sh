#!/bin/sh
# spin.sh OUTPUT: what only the first cycle of an operation does.
set -eu
echo "spun up" >"$1"
