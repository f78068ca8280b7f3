#ifndef FL_CORE_DECLARE_H
#define FL_CORE_DECLARE_H

/* Sets whose members a stage says in a run; private to engine/core.
 * Owns: nothing. Threads: one at a time. Limits: those of sets and plans; FL_EVENT_TEXT_MAX bytes
 * of members. */

#include "engine/core/state.h"

/* The plan as it is when the members of a declared set (by its index) are known. FL_E_CONFIG,
 * FL_E_PARSE for members that a set cannot have; FL_E_TOO_BIG, FL_E_NOMEM. */
int fl_plan_declare(const struct fl_plan *plan, int32_t set, const json_t *members,
                    struct fl_plan **ret_plan, struct fl_err *reterr);
/* The plan with the members of all its declared sets that are known in another workflow, by name.
 * *ret_plan is NULL when there is none. */
int fl_plan_declare_like(const struct fl_plan *plan, const struct fl_workflow *like,
                         struct fl_plan **ret_plan, struct fl_err *reterr);
/* True for the very members that the set has. */
bool fl_set_is_said_again(const struct fl_set *set, const json_t *members);

#endif
