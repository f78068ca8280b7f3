#ifndef FL_CHECK_VERDICT_H
#define FL_CHECK_VERDICT_H

/* What the gate found: a line of evidence for each check, a verdict for each file and for all.
 * Owns: the lines. Threads: one at a time. Limits: FL_EVIDENCE_MAX lines; beyond that only the
 * worst verdict and a count are kept. */

#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define FL_EVIDENCE_MAX 20000
#define FL_EVIDENCE_TEXT_MAX 400

enum fl_verdict { FL_VERDICT_PASS, FL_VERDICT_DEGRADED, FL_VERDICT_FAIL };

struct fl_findings;

int fl_findings_create(struct fl_findings **ret_findings, struct fl_err *reterr);
void fl_findings_destroy(struct fl_findings *findings);
FL_DEFINE_AUTO(struct fl_findings *, fl_findings_destroy)

/* Evidence that follows is of this file. FL_E_NOMEM. */
int fl_findings_file(struct fl_findings *findings, const char *path, const char *sha256,
                     struct fl_err *reterr);
/* One line of evidence: check is a word ("range"), the rest says what was found and what was
 * expected. Call fl_findings_file first. */
void fl_findings_add(struct fl_findings *findings, enum fl_verdict verdict, const char *check,
                     const char *fmt, ...) FL_PRINTF(4, 5);

enum fl_verdict fl_findings_verdict(const struct fl_findings *findings);
/* "pass", "degraded", "fail". */
const char *fl_verdict_name(enum fl_verdict verdict);

/* One line a piece of evidence, for people. */
void fl_findings_text(const struct fl_findings *findings, struct fl_buf *out);
/* The report: verdict, cycle and lead asked for (NULL: none), files with their evidence.
 * FL_E_NOMEM. */
int fl_findings_json(const struct fl_findings *findings, const char *cycle, const char *lead,
                     struct fl_buf *out, struct fl_err *reterr);

#endif
