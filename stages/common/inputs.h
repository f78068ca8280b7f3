#ifndef FL_COMMON_INPUTS_H
#define FL_COMMON_INPUTS_H

/* inputs.json, private to the contract: what a stage was given.
 * Owns: the parsed document, into which all texts point. Threads: one at a time.
 * Limits: FL_CONTRACT_INPUTS_MAX inputs, FL_JSON_MAX bytes. */

#include <stddef.h>

#include "engine/base/err.h"
#include "engine/base/grant.h"

struct fl_degraded;
struct fl_input;
struct fl_world;

struct fl_inputs {
    struct fl_input *list;
    size_t count;
    struct fl_degraded *distinct; /* marks of all inputs, sorted, each once */
    size_t distinct_count;
    struct fl_degraded *marks; /* private: storage of the inputs' marks */
    struct fl_grant *grants;   /* to be handed in at the doors of other sites */
    size_t grant_count;
    void *doc; /* private: json_t */
};

/* *ret_inputs is NULL when there is no such file. FL_E_PARSE names file, input and member;
 * FL_E_TOO_BIG, FL_E_IO, FL_E_NOMEM. Unknown members are left alone: a newer engine may say more.
 */
int fl_inputs_read(const struct fl_world *world, const char *path, struct fl_inputs **ret_inputs,
                   struct fl_err *reterr);
/* The same from a text. */
int fl_inputs_parse(const char *text, size_t size, struct fl_inputs **ret_inputs,
                    struct fl_err *reterr);
void fl_inputs_destroy(struct fl_inputs *inputs);
FL_DEFINE_AUTO(struct fl_inputs *, fl_inputs_destroy)

#endif
