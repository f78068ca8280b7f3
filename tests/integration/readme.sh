#!/bin/bash
# The README's own workflow by the README's own commands: what a newcomer copies must work, with
# nothing of Fairlead in PATH but the folder of the command line.
set -u
. "$FL_TOP_SRCDIR/tests/lib/tap.sh"
. "$FL_TOP_SRCDIR/tests/lib/engine.sh"
PATH=$FL_TOP_BUILDDIR/engine/cli:/usr/bin:/bin
plan 9
unindent() { sed 's/^    //' "$FL_TOP_SRCDIR/README"; }
unindent | sed -n '/^workflow: {/,/^};/p' >hello.cfg
unindent | sed -n '/^Your own workflow/,/^A centre/p' | grep -E '^fairlead [a-z]+ ' | tr ';' '\n' | sed 's/ *$//; s/^ *//' >commands

try "the README has a workflow of ten lines" same "$(wc -l <hello.cfg)" 10
try "and six commands" same "$(wc -l <commands)" 6
while read -r command; do
    try "$command" bash -c "$command"
done <commands
try "every lead was post-processed" same "$(find .fairlead -path '*/out/copy.f0??.txt' | wc -l)" 5
