#ifndef FL_CORE_VIEW_H
#define FL_CORE_VIEW_H

/* Answers to questions, as JSON, from a state that was fed with committed events. Pure.
 * Owns: nothing. Threads: one at a time. Limits: FL_VIEW_RUNS_MAX runs a list. */

#include "engine/core/core.h"

#define FL_VIEW_RUNS_MAX 1000
#define FL_VIEW_ACTIONS_MAX 1000

/* {"runs":[{"run","workflow","cycle","state","degraded":[…],"created","ended","counts":{"succeeded":3,…}}]},
 * newest first. */
int fl_view_runs(const struct fl_core *core, json_t **ret_json, struct fl_err *reterr);

/* One run: the above plus
 * "stages":[{"stage","key","state","reason","attempt","pool","worker","launched","begun","ended","code","degraded",
 * "outputs":[{"output","lead","path","site","size","sha256","accepted","degraded"}]}] in graph
 * order. run NULL: the newest. FL_E_NOENT names the runs there are. */
int fl_view_status(const struct fl_core *core, const char *run, json_t **ret_json,
                   struct fl_err *reterr);
/* The same with at most limit of its instances, from the from-th on; "instances" says how many
 * there are. */
int fl_view_status_part(const struct fl_core *core, const char *run, uint32_t from, uint32_t limit,
                        json_t **ret_json, struct fl_err *reterr);

/* The same summed up: "stages":[{"stage","group","state","instances","done","begun","ended",
 * "degraded","reason","counts":{"running":2,…}}], "groups":[{"name","group",… the same}],
 * "troubles":[instances that failed, timed out or are lost, the first 50]}. Its size does not grow
 * with the instances. */
int fl_view_brief(const struct fl_core *core, const char *run, json_t **ret_json,
                  struct fl_err *reterr);

/* Why an instance is in its state, in words:
 * {"stage","key","state","text","waits_for":[…],"holders":[…]}. which: "prep.f003", "prep(+003)" or
 * "prep" (all its instances, summed up). FL_E_NOENT names what there is. */
int fl_view_why(const struct fl_core *core, const char *run, const char *which, int64_t now_ns,
                json_t **ret_json, struct fl_err *reterr);

/* {"site","path"} of the log folder of an instance's attempt (0: the last one). FL_E_NOENT. */
int fl_view_log(const struct fl_core *core, const char *run, const char *which, int64_t attempt,
                json_t **ret_json, struct fl_err *reterr);

/* The compiled workflow that a run goes by. FL_E_NOENT. */
int fl_view_workflow(const struct fl_core *core, const char *run, json_t **ret_json,
                     struct fl_err *reterr);

/* What people did, newest first, of one run or (NULL) of all:
 * {"actions":[{"action","time","who","why","run","verb","asked":{…},"touched":3,"undone_by":7}]}.
 * At most FL_VIEW_ACTIONS_MAX. */
int fl_view_actions(const struct fl_core *core, const char *run, json_t **ret_json,
                    struct fl_err *reterr);

/* Workers and pools: {"workers":[{"worker","pools":[{"pool","site","cores","used"}],"since"}]}. */
int fl_view_workers(const struct fl_core *core, json_t **ret_json, struct fl_err *reterr);

/* {"workflows":[{"workflow","digest","state","reason","calendar","start","stop","last","next",
 * "waits_for","unfinished","ahead","made","skipped","skipped_why","since","who"}]}: installed
 * workflows. state: active, held, ending (no more cycles, some run), done, removed. */
/* now_ns 0: not known. */
int fl_view_workflows(const struct fl_core *core, int64_t now_ns, json_t **ret_json,
                      struct fl_err *reterr);

#endif
