#ifndef FL_CORE_WORKFLOW_H
#define FL_CORE_WORKFLOW_H

/* A compiled workflow: what engine/spec makes of a file, what the store keeps under its digest, and
 * what the core runs. Names are resolved to indexes; stages stand in graph order (each after all
 * that it needs), early leads of a stage first. Owns: all that it points to. Threads: read-only
 * once made, so any. Limits: FL_WORKFLOW_*_MAX. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/err.h"
#include "engine/base/time.h"

#define FL_WORKFLOW_VERSION 2 /* 1 is read as well */
#define FL_WORKFLOW_STAGES_MAX 1000
#define FL_WORKFLOW_INSTANCES_MAX 1000000 /* of one stage */
#define FL_WORKFLOW_TOTAL_MAX 2000000     /* instances of all stages */
#define FL_WORKFLOW_MEMBERS_MAX 100000    /* of one set */
#define FL_WORKFLOW_SETS_MAX 1000
#define FL_WORKFLOW_PARAMS_MAX 1000
#define FL_WORKFLOW_SITES_MAX 100
#define FL_WORKFLOW_POOLS_MAX 100
#define FL_WORKFLOW_GROUPS_MAX 1000
#define FL_WORKFLOW_LIMITS_MAX 1000
#define FL_WORKFLOW_RULES_MAX 100
#define FL_WORKFLOW_LIST_MAX 1000 /* arguments, inputs, outputs, files … of one stage */
#define FL_WORKFLOW_FILE_MAX ((size_t)1024 * 1024)
#define FL_WORKFLOW_NAME_MAX 64
#define FL_DIMS_MAX 4         /* dimensions of a stage, or of an output with its own set */
#define FL_MEMBER_TEXT_MAX 72 /* bytes of a member's text with its end */
#define FL_KEY_TEXT_MAX (FL_DIMS_MAX * FL_MEMBER_TEXT_MAX)

#define FL_NONE (-1) /* an index that points to nothing */

struct fl_texts {
    char **items;
    size_t count;
};

enum fl_set_kind {
    FL_SET_LEADS,
    FL_SET_NAMES,    /* members of an ensemble, domains, any list */
    FL_SET_DECLARED, /* a stage says the members, once a run */
};

/* What stages and outputs run over. Leads that are written in place, not named, have their text as
 * name ("+000/+054/6"). */
struct fl_set {
    char *name;
    struct fl_leads leads; /* of LEADS */
    enum fl_set_kind kind;
    struct fl_texts members; /* of NAMES; of DECLARED when they are known */
    uint32_t *order;         /* indexes of members by their texts: fl_set_index; may be NULL */
    bool known;              /* of DECLARED: its members were said, be there any or not */
    int32_t by;              /* of DECLARED: the stage that says them */
};

/* The sets that a stage runs over, outermost first; none: one instance. Instance k is mixed radix:
 * the last set changes fastest. */
struct fl_dims {
    int32_t sets[FL_DIMS_MAX];
    size_t count;
};

/* Members of a set, as an arithmetic progression of their indexes. */
struct fl_span {
    uint32_t first;
    uint32_t count;
    uint32_t stride;
};

/* Which members a reference names, one span a dimension of what it refers to (an output's own set
 * is the last); count 0: none named, so those that match. */
struct fl_selector {
    struct fl_span of[FL_DIMS_MAX];
};

enum fl_param_type { FL_PARAM_INT, FL_PARAM_REAL, FL_PARAM_BOOL, FL_PARAM_TEXT };

struct fl_param {
    char *name;
    enum fl_param_type type;
    char *value; /* as it is rendered */
};

struct fl_site {
    char *name;
    char *root; /* folder of the site, relative to the state's folder or absolute */
};

/* So much of something that is counted: memory in bytes, gpus, licences by name. */
struct fl_amount {
    char *name;
    int64_t amount;
};

struct fl_pool {
    char *name;
    int32_t site;
    int64_t cores; /* 0: those of the machine */
    int64_t jobs;  /* attempts at a time */
    struct fl_amount *resources;
    size_t resource_count;
};

/* A group of stages: a name to act on, and one state. */
struct fl_group {
    char *name;
    int32_t parent; /* group, or FL_NONE */
};

/* A named limit that stages share, whatever their pool and run. */
struct fl_limit {
    char *name;
    int64_t size;
};

/* What a stage takes of a limit while it runs. */
struct fl_use {
    int32_t limit;
    int64_t weight;
};

struct fl_env {
    char *name;
    char *value; /* a template */
};

/* Where one input may come from. */
struct fl_source {
    int32_t stage; /* FL_NONE: "cold", no file at all */
    int32_t output;
    int64_t cycle_offset_s;    /* 0: the same run; -21600: the official run of 6 hours before */
    struct fl_selector select; /* the given members, "(m03,+006)" */
    char *text;                /* as written, for messages */
};

struct fl_stage_input {
    char *name;
    struct fl_source *sources; /* all of them, or with first_of the first that is there */
    size_t source_count;
    bool first_of;
    bool follow;          /* not waited for: members are handed over as they come */
    bool edge_absent;     /* a shifted lead outside its set means no file */
    int32_t shift_min;    /* minutes added to the instance's lead */
    int32_t leads;        /* set: these leads, whatever the instance's own lead; or FL_NONE */
    int64_t bridge_max_s; /* an absent member may be bridged by its neighbours up to this far apart;
                             0: no */
    char *bridge_note;
};

struct fl_stage_output {
    char *name;
    char *file;  /* a template */
    int32_t set; /* its own set: one for each member and instance; or FL_NONE */
};

struct fl_stage_file {
    char *name;    /* in DATA */
    char *content; /* bytes as UTF-8 text */
    bool render;
};

struct fl_deadline {
    struct fl_leads leads;
    int64_t by_s; /* after the cycle */
};

enum fl_stage_kind {
    FL_STAGE_PROGRAM,
    FL_STAGE_SOURCE,   /* pulls from outside (`source`) */
    FL_STAGE_TRANSFER, /* inserted: brings an output to another site */
    FL_STAGE_DELIVER,  /* `to` */
};

enum fl_success_outputs { FL_SUCCESS_ALL, FL_SUCCESS_NONE };

struct fl_success {
    int64_t exit;
    char *log_file; /* NULL: no rule about the log */
    char *log_has;  /* may be NULL */
    struct fl_texts log_forbid;
    enum fl_success_outputs outputs;
    char *check; /* rules file, may be NULL */
};

struct fl_retry {
    int64_t tries; /* attempts in all, for classes transient and limit */
    int64_t delay_s;
    double grow;
};

/* Another attempt after an end of this cause: "lost", "timed-out", "check", a class of failure
 * ("transient"), "exit_75", "signal_9", or "any". */
struct fl_retry_rule {
    char *cause;
    int64_t tries; /* attempts in all */
    int64_t delay_s;
    double grow;
    bool overlap; /* of "lost": the lost attempt need not be proved dead */
};

enum fl_only { FL_ONLY_ALWAYS, FL_ONLY_FIRST, FL_ONLY_LATER };

struct fl_stage {
    char *name;
    enum fl_stage_kind kind;
    int32_t group;      /* innermost, or FL_NONE */
    int32_t recurrence; /* rule of whose cycles it is part, or FL_NONE: of all */
    enum fl_only only;  /* in the first cycle of an operation, in the later ones, or in both */
    int32_t origin;     /* of a transfer: the stage whose output it brings; else FL_NONE */
    char *program;
    struct fl_texts args; /* templates */
    struct fl_env *env;
    size_t env_count;
    int32_t pool;
    int64_t cores;
    int64_t ranks; /* 0: not started by mpirun */
    struct fl_dims dims;
    int32_t leads; /* set of its {lead} outputs, or FL_NONE */
    char *when;    /* expression, or NULL */
    struct fl_stage_input *inputs;
    size_t input_count;
    struct fl_stage_output *outputs;
    size_t output_count;
    struct fl_stage_file *files;
    size_t file_count;
    struct fl_success success;
    struct fl_retry retry;
    struct fl_retry_rule *rules; /* by cause */
    size_t rule_count;
    int64_t time_limit_s; /* 0: none */
    int64_t grace_s;
    bool has_at;
    int64_t at_s; /* not before this time after the cycle */
    bool has_expire;
    int64_t expire_s; /* too late to be useful after this time after the cycle */
    bool optional;    /* its failure does not fail the run */
    int64_t priority; /* higher first */
    int64_t expect_s; /* expected to take, before there is history; 0: not known */
    struct fl_use *uses;
    size_t use_count;
    struct fl_amount *needs; /* of the resources of its pool */
    size_t need_count;
    bool once;
    bool keep_at_source;
    struct fl_deadline *deadlines;
    size_t deadline_count;
};

/* A recurrence in ISO 8601 as written, "R/20261124T0000Z/PT6H". */
struct fl_cycle_rule {
    char *name;
    char *rule;
};

/* Which cycles that have fallen behind are still run. */
enum fl_behind { FL_BEHIND_ALL, FL_BEHIND_NEWEST, FL_BEHIND_SKIP };

struct fl_cycling {
    int64_t every_s; /* 0: by hand */
    bool has_from;
    struct fl_cycle from;
    bool has_stop;
    struct fl_cycle stop; /* the last one */
    int64_t ahead;
    int64_t keep_s;
    int64_t early_s; /* a cycle's run is made this long before its time */
    enum fl_calendar calendar;
    enum fl_behind behind;
    int64_t behind_s; /* of FL_BEHIND_SKIP: older than this is skipped */
    struct fl_cycle_rule *rules;
    size_t rule_count;
};

struct fl_workflow {
    char *name;
    char *title; /* may be NULL */
    struct fl_cycling cycles;
    struct fl_set *sets;
    size_t set_count;
    struct fl_param *params;
    size_t param_count;
    struct fl_site *sites;
    size_t site_count;
    struct fl_pool *pools;
    size_t pool_count;
    struct fl_group *groups; /* a parent before its members */
    size_t group_count;
    struct fl_limit *limits;
    size_t limit_count;
    struct fl_stage *stages;
    size_t stage_count;
};

/* An empty workflow. FL_E_NOMEM. */
int fl_workflow_create(struct fl_workflow **ret_workflow, struct fl_err *reterr);
void fl_workflow_destroy(struct fl_workflow *workflow);
FL_DEFINE_AUTO(struct fl_workflow *, fl_workflow_destroy)

/* Checks what the core relies on: indexes in range, every need of a stage before it in the list (so
 * the graph has no cycle), names plain and unique, `when` expressions and templates that can be
 * read, members that exist, limits. FL_E_CONFIG says stage and what. */
int fl_workflow_check(const struct fl_workflow *workflow, struct fl_err *reterr);

/* Takes stages out, and the transfers that only brought their outputs to other sites.
 * FL_E_NOENT: no such stage. FL_E_REFUSED: another one needs it. */
int fl_workflow_remove_stages(struct fl_workflow *workflow, const char *const *names, size_t count,
                              struct fl_err *reterr);

/* Canonical JSON: the same workflow gives the same bytes with fl_json_text. */
int fl_workflow_to_json(const struct fl_workflow *workflow, json_t **ret_json,
                        struct fl_err *reterr);
/* Reads and checks. FL_E_PARSE, FL_E_UNSUPPORTED (version), FL_E_CONFIG. */
int fl_workflow_from_json(const json_t *json, struct fl_workflow **ret_workflow,
                          struct fl_err *reterr);
/* SHA-256 of the canonical text. */
int fl_workflow_digest(const struct fl_workflow *workflow, char hex[static FL_DIGEST_HEX],
                       struct fl_err *reterr);

/* Index by name, or FL_NONE. */
int32_t fl_workflow_stage(const struct fl_workflow *workflow, const char *name, size_t name_size);
int32_t fl_workflow_set(const struct fl_workflow *workflow, const char *name);
int32_t fl_workflow_site(const struct fl_workflow *workflow, const char *name);
int32_t fl_workflow_pool(const struct fl_workflow *workflow, const char *name);
int32_t fl_workflow_group(const struct fl_workflow *workflow, const char *name);
int32_t fl_workflow_limit(const struct fl_workflow *workflow, const char *name);
/* True when group, or one that holds it, is `of`. */
bool fl_workflow_group_within(const struct fl_workflow *workflow, int32_t group, int32_t of);
const struct fl_param *fl_workflow_param(const struct fl_workflow *workflow, const char *name);
int32_t fl_stage_output(const struct fl_stage *stage, const char *name, size_t name_size);

/* "+000/+012" within a set: without a step all members of the set between the two; with a step, or
 * one lead, those members, each of which must be in the set. FL_E_PARSE. */
int fl_leads_in(const char *text, const struct fl_leads *of, struct fl_leads *ret_leads,
                struct fl_err *reterr);
/* True when every member of part is in whole. */
bool fl_leads_within(const struct fl_leads *part, const struct fl_leads *whole);

/* ---- sets.c: members, dimensions, keys ---- */

/* Makes the members of a set quick to find; to be called when they are all there. FL_E_NOMEM. */
int fl_set_index(struct fl_set *set, struct fl_err *reterr);
/* Members; 0 for a declared set that is not known yet. */
size_t fl_set_count(const struct fl_set *set);
/* False for a declared set whose members were not said yet. */
bool fl_set_is_known(const struct fl_set *set);
/* Text of a member, "+006" or "m03"; text is the buffer, borrowed or not. */
const char *fl_set_member(const struct fl_set *set, size_t index,
                          char text[static FL_MEMBER_TEXT_MAX]);
/* As it stands in file names and ids: "f006", "m03". */
const char *fl_set_member_file(const struct fl_set *set, size_t index,
                               char text[static FL_MEMBER_TEXT_MAX]);
/* Index of a member by its text, or -1. */
int64_t fl_set_find(const struct fl_set *set, const char *text, size_t size);
int64_t fl_set_find_file(const struct fl_set *set, const char *text, size_t size);
/* True for the same set, and for two sets of the same leads. */
bool fl_sets_equal(const struct fl_workflow *workflow, int32_t a, int32_t b);
/* A member's name: letters, digits, '-' and '_' of at most FL_WORKFLOW_NAME_MAX bytes that begins
 * with a letter or a digit. */
bool fl_member_is_plain(const char *name);

/* Sizes of the sets of some dimensions, and numbers made of and split into their members. */
struct fl_radix {
    size_t count;
    uint32_t sizes[FL_DIMS_MAX];
};
struct fl_radix fl_radix_of(const struct fl_workflow *workflow, const struct fl_dims *dims);
/* Product of the sizes; more than 2^32 - 1 is that. */
uint32_t fl_radix_total(const struct fl_radix *radix);
void fl_radix_split(const struct fl_radix *radix, uint32_t k, uint32_t members[static FL_DIMS_MAX]);
uint32_t fl_radix_join(const struct fl_radix *radix, const uint32_t members[static FL_DIMS_MAX]);

/* Instances of a stage: 1 without dimensions, 0 over a set that is not known yet. */
size_t fl_stage_instances(const struct fl_workflow *workflow, const struct fl_stage *stage);
/* Dimensions of an output: those of the stage and its own set; of instances with FL_NONE. */
struct fl_dims fl_output_dims(const struct fl_stage *stage, int32_t output);
/* Which of the dimensions is leads (the innermost such), or -1. */
int fl_dims_lead(const struct fl_workflow *workflow, const struct fl_dims *dims);
/* Which of them is this set, or -1. */
int fl_dims_find(const struct fl_dims *dims, int32_t set);
/* True when none of them is a declared set whose members were not said yet. */
bool fl_dims_known(const struct fl_workflow *workflow, const struct fl_dims *dims);

/* Key of the k-th instance of some dimensions: "m03,+006"; "" without dimensions. */
void fl_key_format(const struct fl_workflow *workflow, const struct fl_dims *dims, uint32_t k,
                   char text[static FL_KEY_TEXT_MAX]);
/* As in ids: "m03.f006". */
void fl_key_format_file(const struct fl_workflow *workflow, const struct fl_dims *dims, uint32_t k,
                        char text[static FL_KEY_TEXT_MAX]);
/* The number that a key stands for, in text or file form. FL_E_NOENT says which member there is
 * none of, and which there are. */
int fl_key_parse(const struct fl_workflow *workflow, const struct fl_dims *dims, const char *text,
                 uint32_t *ret_k, struct fl_err *reterr);
int fl_key_parse_file(const struct fl_workflow *workflow, const struct fl_dims *dims,
                      const char *text, uint32_t *ret_k, struct fl_err *reterr);
/* "+000/+012", "m01", "m01/m05,+006": each part goes to the dimension that has it. FL_E_PARSE says
 * which part none has, and what there is. */
int fl_selector_parse(const struct fl_workflow *workflow, const struct fl_dims *dims,
                      const char *text, size_t size, struct fl_selector *ret_selector,
                      struct fl_err *reterr);
bool fl_selector_names_any(const struct fl_selector *selector);
/* True when a template has the placeholder {name} or {name:…}. */
bool fl_template_has(const char *text, const char *name);
/* True when a template has a placeholder for the members of a set. */
bool fl_template_has_set(const struct fl_workflow *workflow, const char *text, int32_t set);

/* True for a name of letters, digits, '-' and '_' of at most FL_WORKFLOW_NAME_MAX bytes that begins
 * with a letter. */
bool fl_workflow_name_is_plain(const char *name);

#endif
