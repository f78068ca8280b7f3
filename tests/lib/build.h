#ifndef FL_TESTS_LIB_BUILD_H
#define FL_TESTS_LIB_BUILD_H

/* Compiled workflows made by hand, for tests of the core that come before, or go beyond, what can
 * be written in a file. Stages stand in the order in which they are added. Owns: nothing; the
 * workflow is the caller's. Threads: one. Limits: BUILD_LIST_MAX inputs and outputs a stage. */

#include "engine/core/workflow.h"

#define BUILD_LIST_MAX 16

/* One site, one pool "local" of 64 cores and so many jobs at a time. */
struct fl_workflow *build_workflow(const char *name, int64_t jobs);
/* Index of the new set. leads: "+000/+012/6"; names: "m%02u" from 1 to count. */
int32_t build_leads(struct fl_workflow *wf, const char *name, const char *leads);
int32_t build_names(struct fl_workflow *wf, const char *name, const char *prefix, uint32_t count);
/* Members are said by a stage (its index). */
int32_t build_declared(struct fl_workflow *wf, const char *name, int32_t by);
/* Index of a new stage over so many sets (int32_t). */
int32_t build_stage(struct fl_workflow *wf, const char *name, const char *when, int sets, ...);
/* An output "NAME" with a file that has placeholders for all its sets; own: its own set or FL_NONE.
 * Index of the output. */
int32_t build_output(struct fl_workflow *wf, int32_t stage, const char *name, int32_t own);
/* An input "iN" from stage.output; members: a selector, or NULL. */
struct fl_stage_input *build_input(struct fl_workflow *wf, int32_t stage, int32_t from,
                                   int32_t output, const char *members);

#endif
