#ifndef FL_BASE_EXPAND_H
#define FL_BASE_EXPAND_H

/* Expansion of {name} and {name:format} in text, by a function that knows the names.
 * "{{" and "}}" stand for braces. Pure. Owns: nothing. Threads: any. Limits: FL_EXPAND_NAME_MAX
 * bytes a name. */

#include "engine/base/buf.h"
#include "engine/base/time.h"

#define FL_EXPAND_NAME_MAX 128

/* Appends the value of name (format is NULL when none was given) to out.
 * FL_E_NOENT for an unknown name (the text in reterr says which names there are). */
typedef int (*fl_expand_fn)(const char *name, const char *format, struct fl_buf *out,
                            struct fl_err *reterr, void *arg);

/* FL_E_PARSE for an open brace without its end, with the line number in text; the errors of fn. */
int fl_expand(const char *text, fl_expand_fn fn, struct fl_buf *out, struct fl_err *reterr,
              void *arg);

/* The names that every pattern knows: {cycle} {cycle:STRFTIME} {valid} {valid:STRFTIME} (cycle +
 * lead) {lead} ("f006"), {lead:hhh} ("006"), {lead:hh}, {lead:h} ("6"), {lead:signed} ("+006"),
 * {lead:seconds}. lead may be NULL: then {lead} and {valid} are unknown. FL_E_NOENT when name is
 * none of these. */
int fl_expand_time(const char *name, const char *format, struct fl_cycle cycle,
                   const struct fl_lead *lead, struct fl_buf *out, struct fl_err *reterr);

#endif
