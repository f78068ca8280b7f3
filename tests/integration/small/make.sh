#!/bin/sh
# make.sh TRAIL GATE FAIL: three outputs, announced one by one; the gate lies behind the first.
set -eu
echo "make -" >>"$1"
for lead in 000 003 006; do
  echo "step $lead" >"$FAIRLEAD_OUTPUT_DIR/step.f$lead.txt"
  fairlead-event output step "step.f$lead.txt" --lead "+$lead"
  if [ "$lead" = 000 ] && [ -n "$2" ]; then
    read -r _ <"$2"
  fi
  if [ "$3" = make ]; then
    echo "make: cannot go on: the sea is dry" >&2
    exit 65
  fi
done
echo "make: done"
