#ifndef FL_CORE_VIEW_IMPL_H
#define FL_CORE_VIEW_IMPL_H

/* What the views share; private to engine/core: finding by the names that people type, JSON
 * members, and the words for what blocks an instance. Owns: nothing. Threads: one at a time.
 * Limits: FL_VIEW_*_MAX. */

#include "engine/base/buf.h"
#include "engine/core/state.h"
#include "engine/core/view.h"

#define FL_VIEW_TIME_MAX 48
#define FL_VIEW_TEXT_MAX ((size_t)16 * 1024) /* bytes of one explanation */
#define FL_VIEW_NAMED_MAX 4 /* things that one sentence names; the rest is counted */
#define FL_VIEW_LIST_MAX 50 /* members of waits_for and of holders */
#define FL_VIEW_DEPTH_MAX 4 /* how far a reason is followed upstream */

/* "2018-10-10T17:30:00.123Z". */
void fl_view_time(int64_t time_ns, char text[static FL_VIEW_TIME_MAX]);

/* A member of a JSON object; takes value. *rc is sticky: a failure stays, and after it nothing is
 * done. */
void fl_view_put(int *rc, json_t *object, const char *key, json_t *value);
/* NULL is left out; bytes that are not UTF-8 become '?'. */
void fl_view_put_text(int *rc, json_t *object, const char *key, const char *text);
void fl_view_put_int(int *rc, json_t *object, const char *key, int64_t value);
/* 0 is left out. */
void fl_view_put_time(int *rc, json_t *object, const char *key, int64_t time_ns);
/* A list of marks, empty for none. */
void fl_view_put_marks(int *rc, json_t *object, const char *key, const json_t *marks);
/* An instance as a member of a list. */
void fl_view_put_inst(int *rc, json_t *list, const struct fl_core *core, const struct fl_run *run,
                      uint32_t inst);
/* "stages", "groups" and "troubles" of a run, summed up. */
/* "find has not said the members of set 'storm'", or NULL when all are known; gives text. */
const char *fl_view_unsaid(const struct fl_workflow *wf, const struct fl_dims *dims, char *text,
                           size_t size);
void fl_view_put_brief(int *rc, json_t *answer, const struct fl_core *core,
                       const struct fl_run *run);
/* rc, with its text when it is FL_E_NOMEM. */
int fl_view_done(int rc, struct fl_err *reterr);

/* Run by name, or the newest for NULL. FL_E_NOENT names the runs there are, nearest first. */
int fl_view_find_run(const struct fl_core *core, const char *name, const struct fl_run **ret_run,
                     struct fl_err *reterr);

/* Instances first … first + count - 1 of a stage. */
struct fl_view_which {
    uint32_t stage;
    uint32_t first;
    uint32_t count;
};
/* "prep.f003", "prep(+003)", "prep +003", or "prep" for all its instances. FL_E_NOENT names what
 * there is. */
int fl_view_find(const struct fl_run *run, const char *which, struct fl_view_which *ret_which,
                 struct fl_err *reterr);

/* "prep.f003" or "grid": fit for a shell. */
void fl_view_plain(const struct fl_run *run, uint32_t inst, char *text, size_t size);
/* "forecast.hour(+006)". */
void fl_view_slot_title(const struct fl_run *run, uint32_t slot, char *text, size_t size);

/* An explanation as it is made: words always, lists when they are wanted. */
struct fl_why {
    const struct fl_core *core;
    int64_t now_ns; /* 0: not known */
    struct fl_buf *out;
    json_t *waits;   /* array, or NULL */
    json_t *holders; /* array, or NULL */
    int depth;
    int rc; /* sticky, FL_E_NOMEM */
};

/* A sentence with a bounded number of needs. */
struct fl_needs {
    struct fl_why *why;
    const struct fl_run *run;
    uint32_t inst;
    size_t count;
    size_t hidden;
};
/* True when the next need is to be written; the joiner is then written already. */
bool fl_needs_next(struct fl_needs *n, const char *joiner);
/* One member of waits_for: the need, and what makes it. */
void fl_needs_wait(struct fl_why *why, const char *kind, const char *need, const struct fl_run *run,
                   uint32_t inst);
/* True when that list is wanted and has room. */
bool fl_needs_lists(const struct fl_why *why);
/* Pending members of an output: the one that can no longer come is named before those that still
 * may. */
void fl_needs_slots(struct fl_needs *n, const char *joiner, uint32_t base,
                    const struct fl_region *region);
/* The members of a set that a stage has not said yet. */
void fl_needs_declaration(struct fl_needs *n, const char *joiner, int32_t set);
/* The terms that keep the trigger from being true. */
void fl_why_when(struct fl_needs *n);

/* What is missing for an instance that waits: "forecast.hour(+006): forecast is running, …". */
void fl_why_needs(struct fl_why *why, const struct fl_run *run, uint32_t inst);
/* What holds back one that is ready: a hold, a time, a pool. */
void fl_why_room(struct fl_why *why, const struct fl_run *run, uint32_t inst);
/* "prep(+003) is running, attempt 1, last progress 40%": what an instance does, in the words for
 * one that is waited for; followed upstream within FL_VIEW_DEPTH_MAX. */
void fl_why_maker(struct fl_why *why, const struct fl_run *run, uint32_t inst);
/* ", attempt 3 of 3, class data, exit code 65: reason" of the last attempt, or ": reason". */
void fl_why_end(struct fl_why *why, const struct fl_run *run, uint32_t inst);
/* "; input 'grib': … is absent (cause) and was bridged PT9H between +036 and +045" for each such
 * input. True when there was one. */
bool fl_why_bridged(struct fl_why *why, const struct fl_run *run, uint32_t inst);
/* All that there is to say about one instance. */
void fl_why_tell(struct fl_why *why, const struct fl_run *run, uint32_t inst);

#endif
