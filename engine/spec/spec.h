#ifndef FL_SPEC_SPEC_H
#define FL_SPEC_SPEC_H

/* A workflow file (libconfig) into a checked, compiled workflow. Strict: an unknown key, a wrong
 * type, an undefined name or a circle in the graph is an error of the form "file:line: what;
 * accepted: …". Owns: nothing between calls. Threads: any. Limits: FL_SPEC_FILE_MAX bytes of
 * configuration with what it includes, FL_SPEC_INCLUDES_MAX includes, FL_DIAGNOSTICS_MAX messages,
 * those of workflow.h. */

#include "engine/base/buf.h"
#include "engine/core/workflow.h"

#define FL_SPEC_FILE_MAX ((size_t)1024 * 1024)
#define FL_SPEC_INCLUDES_MAX 32
#define FL_SPEC_NESTING_MAX 200   /* brackets in brackets */
#define FL_SPEC_SIBLINGS_MAX 1000 /* settings of one group: libconfig is quadratic in them */
#define FL_DIAGNOSTICS_MAX 20

/* What a person is told: errors, and notes on what is accepted but has no effect yet. */
struct fl_diagnostic {
    bool is_error;
    char text[FL_ERR_TEXT_MAX];
};

struct fl_diagnostics {
    struct fl_diagnostic items[FL_DIAGNOSTICS_MAX];
    size_t count;
    size_t errors; /* all of them, also those beyond the limit */
};

/* Reads a whole file of at most limit bytes and appends it to out: fl_file_read of a world. */
typedef int (*fl_spec_read_fn)(const char *path, size_t limit, struct fl_buf *out,
                               struct fl_err *reterr, void *arg);

struct fl_spec_options {
    const char *const *overrides; /* "name=value" for parameters */
    size_t override_count;
    const char
        *base; /* absolute folder of the file, for programs such as ./model; NULL: as path has it */
    fl_spec_read_fn read;
    void *arg;
};

/* Compiles the file at path. diagnostics (zeroed by the caller) gets errors and notes; both
 * FL_E_CONFIG and FL_E_PARSE come with at least one error there. FL_E_NOENT, FL_E_IO for the file
 * itself. Free the workflow with fl_workflow_destroy. */
int fl_spec_load(const char *path, const struct fl_spec_options *options,
                 struct fl_workflow **ret_workflow, struct fl_diagnostics *diagnostics,
                 struct fl_err *reterr);

#endif
