#ifndef FL_CLI_SUMMARY_H
#define FL_CLI_SUMMARY_H

/* One entry of a status summed up ("brief"): a stage or a group.
 * Owns: nothing; texts are borrowed from the answer. Threads: one. Limits: none. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct fl_summary {
    const char *name;
    const char *state;
    const json_t *counts; /* {"running":2,…} */
    const char *reason;   /* of a stage that was left out as a whole; "" otherwise */
    int64_t instances;
    int64_t takes_s;  /* that one instance is expected to take, by experience; 0: not known */
    int64_t done;     /* instances that need nothing more */
    int64_t degraded; /* instances with a mark */
    int64_t begun_ns; /* the first begin; 0: none yet */
    int64_t ended_ns; /* the last end, once all have ended; else 0 */
};

/* name: the member that holds the entry's name, "stage" or "name". */
struct fl_summary fl_summary_of(const json_t *entry, const char *name);
/* What is worth saying beside state and count: other states, marks, the reason. */
void fl_summary_note(const struct fl_summary *summary, char *text, size_t size);

#endif
