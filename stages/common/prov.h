#ifndef FL_COMMON_PROV_H
#define FL_COMMON_PROV_H

/* Provenance: the global attributes by which a file says where it comes from.
 * fairlead_workflow, _run, _cycle, _stage (from the stage's environment, absent outside a run),
 * fairlead_sources (the original files: lines `NAME sha256:HEX`, sorted, carried on from input to
 * output), fairlead_inputs (the direct inputs), fairlead_degraded (lines `CAUSE [age AGE]`; absent
 * when not degraded), Conventions, title, source, history. No wall-clock time enters, so that the
 * same inputs give the same bytes.
 * Owns: its lists. Threads: one at a time. Limits: FL_PROV_LINES_MAX lines a list, names and causes
 * cut at FL_PROV_LINE_MAX bytes; beyond that FL_E_TOO_BIG. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/digest.h"
#include "engine/base/err.h"

struct fl_degraded;
struct fl_nc;
struct fl_prov;

#define FL_PROV_LINES_MAX 4096
#define FL_PROV_LINE_MAX 512
/* Lines written into a file; of a longer list the rest becomes one line that counts and digests
 * it. */
#define FL_PROV_WRITTEN_MAX 480

/* program: name and version, "fairlead-surge 0.1.0". Reads FAIRLEAD_WORKFLOW, _RUN, _CYCLE, _STAGE.
 */
int fl_prov_create(const char *program, struct fl_prov **ret_prov, struct fl_err *reterr);
void fl_prov_destroy(struct fl_prov *prov);
FL_DEFINE_AUTO(struct fl_prov *, fl_prov_destroy)

/* Digests the file at path and adds it to the inputs under name (NULL: the path's last part).
 * The errors of fl_file_digest. */
int fl_prov_input(struct fl_prov *prov, const char *name, const char *path, struct fl_err *reterr);
/* The same when the digest is known. */
int fl_prov_input_digest(struct fl_prov *prov, const char *name, const char *hex,
                         struct fl_err *reterr);
/* An original source file (GRIB, best track, relief, ...): digests it and adds it to the sources
 * and the inputs. */
int fl_prov_source(struct fl_prov *prov, const char *name, const char *path, struct fl_err *reterr);
int fl_prov_source_digest(struct fl_prov *prov, const char *name, const char *hex,
                          struct fl_err *reterr);
/* Adds the sources and degraded marks that an open input file carries. Sorted, without doubles. */
int fl_prov_merge(struct fl_prov *prov, const struct fl_nc *nc, struct fl_err *reterr);
/* A degraded mark of our own, or one that inputs.json brings. age may be NULL or "". */
int fl_prov_degraded(struct fl_prov *prov, const char *cause, const char *age,
                     struct fl_err *reterr);
bool fl_prov_is_degraded(const struct fl_prov *prov);
/* The degraded lines so far, joined by newlines; "" when there are none. Borrowed until the next
 * call that changes prov. */
const char *fl_prov_degraded_text(struct fl_prov *prov);
/* The same marks taken apart, as fl_contract_output_marked takes them: their number and, borrowed
 * until the next call of this, the list. FL_E_NOMEM. */
int fl_prov_marks(struct fl_prov *prov, const struct fl_degraded **ret_marks, size_t *ret_count,
                  struct fl_err *reterr);
/* Text of the sources, one a line, for a caption or a log; borrowed likewise. */
const char *fl_prov_sources_text(struct fl_prov *prov);

/* Writes all attributes into a file in define mode. history: what was done ("forcing for lead +003
 * from 2 GRIB files"), without times of day. */
int fl_prov_write(const struct fl_prov *prov, struct fl_nc *nc, const char *title,
                  const char *history, struct fl_err *reterr);

#endif
