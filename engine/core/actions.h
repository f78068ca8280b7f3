#ifndef FL_CORE_ACTIONS_H
#define FL_CORE_ACTIONS_H

/* What people did, kept so that it can be listed and undone; private to engine/core.
 * Owns: the last FL_CORE_ACTIONS_MAX actions and which instances each touched. Threads: one at a
 * time. Limits: an action that touched more than FL_CORE_ACTION_INSTS_MAX instances is listed but
 * cannot be undone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/event/event.h"

#define FL_CORE_ACTIONS_MAX 1000
#define FL_CORE_ACTION_INSTS_MAX 100000

struct fl_action {
    int64_t number; /* from 1; 0: none here */
    int64_t time_ns;
    int64_t undone_by; /* action that undid it, or 0 */
    int64_t undoes;    /* action that it undid, or 0 */
    char *run;
    char *who;
    char *why;  /* or NULL */
    char *text; /* compact JSON of what was asked */
    bool whole_run;
    bool too_many;   /* instances were left out of the list */
    uint32_t *insts; /* those it touched */
    size_t inst_count;
    size_t inst_room;
};

struct fl_actions {
    struct fl_action
        *items;    /* FL_CORE_ACTIONS_MAX of them, by number modulo; NULL before the first */
    int64_t count; /* number of the newest */
};

/* Takes up an action-taken event. FL_E_BUG: not the next number. FL_E_NOMEM. */
int fl_actions_add(struct fl_actions *actions, const struct fl_event *event, struct fl_err *reterr);
/* An event of the action touched an instance, or with UINT32_MAX the run as a whole. */
int fl_actions_note(struct fl_actions *actions, int64_t number, uint32_t inst,
                    struct fl_err *reterr);
/* NULL: there is none of that number, or it is too long ago. */
struct fl_action *fl_actions_find(const struct fl_actions *actions, int64_t number);
void fl_actions_release(struct fl_actions *actions);

#endif
