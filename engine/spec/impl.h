#ifndef FL_SPEC_IMPL_H
#define FL_SPEC_IMPL_H

/* What the parts of engine/spec share: the state of one compilation, settings in layers, messages.
 */

#include <libconfig.h>

#include "engine/spec/spec.h"

#define FL_LAYERS_MAX 24
#define FL_GROUP_DEPTH_MAX 8
#define FL_MERGED_KEYS_MAX FL_SPEC_SIBLINGS_MAX
#define FL_KNOWN_MAX 1000
#define FL_PATH_MAX_TEXT 4096 /* a parameter's value */

/* Groups laid over each other: a key of a later one wins; groups below it merge key by key. */
struct fl_layers {
    const config_setting_t *item[FL_LAYERS_MAX];
    size_t count;
};

/* Names that are known, for "accepted: a, b, c". */
struct fl_known {
    const char *items[FL_KNOWN_MAX];
    size_t count;
};

/* A stage while its references are still text. */
struct fl_draft {
    struct fl_layers layers;    /* those of its groups, outermost first, then its own */
    size_t inherited;           /* how many are its groups' */
    const config_setting_t *at; /* where the stage stands */
    const char *name;           /* the stage's: one of several destinations has its own */
    const char *to;             /* that destination; NULL: as `to` says */
    struct fl_texts per;        /* as written */
    int per_state;              /* 0 not yet, 1 under way, 2 done */
};

struct fl_compile {
    const char *path; /* of the workflow file, for messages */
    char folder[4096];
    const struct fl_spec_options *options;
    struct fl_diagnostics *diagnostics;
    struct fl_workflow *workflow;
    struct fl_draft *drafts; /* one a declared stage, in file order */
    size_t draft_count;
    bool no_memory;
};

/* ---- diag.c: messages ---- */
void fl_say(struct fl_compile *c, bool is_error, const config_setting_t *at, const char *fmt, ...)
    FL_PRINTF(4, 5);
#define fl_complain(c, at, ...) fl_say(c, true, at, __VA_ARGS__)
void fl_say_at(struct fl_compile *c, bool is_error, const char *file, unsigned line,
               const char *fmt, ...) FL_PRINTF(5, 6);
/* "WHAT 'name'; did you mean 'x'? accepted: a, b, or ALSO"; also may be NULL. */
void fl_complain_name(struct fl_compile *c, const config_setting_t *at, const char *what,
                      const char *name, const struct fl_known *names, const char *also);
void fl_known_add(struct fl_known *names,
                  const char *name); /* those beyond the limit are left out */
void fl_known_stages(const struct fl_workflow *w, struct fl_known *names);
/* Bytes of data before the first one that is NUL or not UTF-8; size when there is none. */
size_t fl_utf8_size(const char *data, size_t size);
/* "did you mean 'x'? " when a name is near, else "". */
const char *fl_nearest(const char *name, const char *const *names, size_t count, char *text,
                       size_t size);
/* Joins names for "accepted: a, b, c". */
const char *fl_join(const char *const *names, size_t count, char *text, size_t size);

/* ---- layer.c: typed reading; all return false after complaining ---- */
const config_setting_t *fl_layers_get(const struct fl_layers *layers, const char *key);
struct fl_layers fl_layers_sub(const struct fl_layers *layers, const char *key);
struct fl_layers fl_layers_of(const config_setting_t *group);
/* The keys of all layers, each once, in order of appearance; complains of those beyond the limit.
 */
size_t fl_layers_keys(struct fl_compile *c, const struct fl_layers *layers,
                      const char *keys[static FL_MERGED_KEYS_MAX]);
bool fl_only(struct fl_compile *c, const struct fl_layers *layers, const char *what,
             const char *const *keys, size_t count);
/* Missing keys leave the value as it is. */
bool fl_get_text(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                 const char **value);
bool fl_get_int(struct fl_compile *c, const struct fl_layers *layers, const char *key, int64_t min,
                int64_t max, int64_t *value);
bool fl_get_real(struct fl_compile *c, const struct fl_layers *layers, const char *key, double min,
                 double max, double *value);
bool fl_get_bool(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                 bool *value);
bool fl_get_duration(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                     int64_t *seconds);
/* The same, more than nothing. */
bool fl_get_period(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                   int64_t *seconds);
/* A list or array of strings, or one string. Values as fl_set_text has them. */
bool fl_get_texts(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                  struct fl_texts *texts);
/* A plain name; what: "stage". */
bool fl_plain(struct fl_compile *c, const config_setting_t *at, const char *what, const char *name);
/* The text of a setting, which must be one, in UTF-8; NULL after complaining. */
const char *fl_setting_text(struct fl_compile *c, const config_setting_t *at, const char *what);
bool fl_is_int(const config_setting_t *at);
bool fl_is_group(struct fl_compile *c, const struct fl_layers *layers, const char *key);

/* ---- memory ---- */
/* A zeroed element more at the end of an array, or NULL (noted in c). */
void *fl_grow(struct fl_compile *c, void *array_slot, size_t *count, size_t element_size);
void fl_set_text(struct fl_compile *c, char **slot, const char *text);
void fl_add_text(struct fl_compile *c, struct fl_texts *texts, const char *text);
void fl_free_texts(struct fl_texts *texts);
void fl_add_textf(struct fl_compile *c, struct fl_texts *texts, const char *fmt, ...)
    FL_PRINTF(3, 4);

/* ---- the passes ---- */
/* Before libconfig reads it. FL_E_* after complaining. */
int fl_scan(struct fl_compile *c, const char *text, size_t size);              /* scan.c */
void fl_read_top(struct fl_compile *c, const config_setting_t *workflow);      /* top.c */
void fl_read_sets(struct fl_compile *c, const struct fl_layers *top);          /* sets.c */
void fl_read_declares(struct fl_compile *c, const config_setting_t *workflow); /* sets.c */
void fl_read_cycles(struct fl_compile *c, const struct fl_layers *top);        /* cycles.c */
void fl_read_limits(struct fl_compile *c, const struct fl_layers *top);        /* limits.c */
void fl_draft_stages(struct fl_compile *c, const config_setting_t *within);    /* groups.c */
void fl_lay_by(struct fl_compile *c, struct fl_layers *layers, size_t from);   /* draft.c */
void fl_add_draft(struct fl_compile *c, const config_setting_t *at, int32_t group,
                  const struct fl_layers *inherited);                   /* draft.c */
void fl_read_places(struct fl_compile *c, const struct fl_layers *top); /* places.c: sites */
void fl_read_pools(struct fl_compile *c, const struct fl_layers *top);  /* places.c */
void fl_resolve_per(struct fl_compile *c, size_t stage);                /* draft.c */
void fl_read_stage(struct fl_compile *c, size_t stage);                 /* stage.c */
void fl_read_retries(struct fl_compile *c, const struct fl_layers *layers,
                     struct fl_stage *stage); /* retry.c */
void fl_read_clock(struct fl_compile *c, const struct fl_layers *layers,
                   struct fl_stage *stage); /* cycles.c: at, expire, only, cycle, … */
void fl_read_uses(struct fl_compile *c, const struct fl_layers *layers,
                  struct fl_stage *stage); /* limits.c */
void fl_read_resources(struct fl_compile *c, const struct fl_layers *layers,
                       struct fl_pool *pool); /* limits.c */
void fl_read_needs(struct fl_compile *c, const struct fl_layers *layers,
                   struct fl_stage *stage);                  /* limits.c */
struct fl_layers fl_draft_own(const struct fl_draft *draft); /* stage.c */
void fl_read_when(struct fl_compile *c, const struct fl_draft *draft,
                  struct fl_stage *stage);              /* trigger.c */
void fl_check_when(struct fl_compile *c, size_t stage); /* trigger.c */
void fl_complain_when(struct fl_compile *c, const config_setting_t *at, const char *text,
                      const char *said);                     /* trigger.c */
void fl_read_inputs(struct fl_compile *c, size_t stage);     /* inputs.c */
void fl_read_files(struct fl_compile *c, size_t stage);      /* files.c */
void fl_sugar(struct fl_compile *c, size_t stage);           /* sugar.c */
void fl_check_templates(struct fl_compile *c, size_t stage); /* template.c */
void fl_check_text(struct fl_compile *c, size_t stage, const config_setting_t *at, const char *what,
                   const char *text);                    /* template.c */
void fl_check_names(struct fl_compile *c, size_t stage); /* names.c */
void fl_insert_transfers(struct fl_compile *c);          /* link.c */
void fl_lint(struct fl_compile *c);                      /* lint.c */
void fl_order_stages(struct fl_compile *c);              /* link.c */

/* ---- names ---- */
/* A set of leads, by its name or written in place. */
int32_t fl_find_set(struct fl_compile *c, const config_setting_t *at,
                    const char *name_or_leads); /* sets.c */
int32_t fl_find_any_set(struct fl_compile *c, const config_setting_t *at, const char *what,
                        const char *name); /* sets.c */
/* Stands for a set whose mistake was told, so that not everything that uses it is one too. sets.c
 */
int32_t fl_stand_in_set(struct fl_compile *c, const char *name);
/* NULL: the first. */
int32_t fl_find_pool(struct fl_compile *c, const config_setting_t *at,
                     const char *name); /* places.c */
int32_t fl_find_site(struct fl_compile *c, const config_setting_t *at, const char *what,
                     const char *name); /* places.c */

#endif
