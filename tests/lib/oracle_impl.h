#ifndef FL_TESTS_LIB_ORACLE_IMPL_H
#define FL_TESTS_LIB_ORACLE_IMPL_H

/* Shared by the parts of the oracle. Owns: nothing. Threads: one. Limits: ORACLE_KEY_MAX. */

#include "engine/base/json.h"
#include "tests/lib/oracle.h"

#define ORACLE_KEY_MAX 1024

/* The workflow of a run, or NULL. */
const struct fl_workflow *oracle_workflow_of(const struct oracle *o, const char *run);
/* "a|b|c|d|e": a place in the books. */
void oracle_key(char *text, const char *a, const char *b, const char *c, const char *d,
                const char *e);
/* FL_E_BUG: what an instance lacks to start; with follows_too also of what it follows, which it
 * does not wait for. */
int oracle_needs_met(const struct oracle *o, const struct fl_workflow *wf,
                     const struct fl_stage *stage, const char *run, const char *key,
                     bool follows_too, struct fl_err *reterr);

#endif
