#!/bin/sh
# post.sh TRAIL GATE FAIL STEP DOC
set -eu
echo "post $FAIRLEAD_LEAD" >>"$1"
[ "$3" = post ] && exit 65
if [ "$FAIRLEAD_LEAD" = +000 ] && [ -n "$2" ]; then
  echo open >"$2"
fi
sed 's/step/doc/' "$4" >"$5"
