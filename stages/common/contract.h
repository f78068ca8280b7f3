#ifndef FL_COMMON_CONTRACT_H
#define FL_COMMON_CONTRACT_H

/* The stage contract from a program's side: who we are (environment), what we were given
 * (inputs.json), and what we say (one JSON object a datagram to FAIRLEAD_SOCKET).
 * With none of it present, as from a shell, everything works and nothing is said.
 * Owns: the socket, the parsed inputs.json, copies of the environment. Threads: one at a time.
 * Limits: FL_CONTRACT_EVENT_MAX bytes an event, FL_CONTRACT_SEND_MAX_S seconds of waiting for a
 * reader that is behind (never for ever), FL_CONTRACT_INPUTS_MAX inputs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/err.h"
#include "engine/base/time.h"

#define FL_CONTRACT_EVENT_MAX ((size_t)64 * 1024)
#define FL_CONTRACT_TEXT_MAX ((size_t)4096) /* longest cause or warning; longer ones are cut */
#define FL_CONTRACT_SEND_MAX_S 20
#define FL_CONTRACT_INPUTS_MAX ((size_t)100000)

/* A substitute was used: why, and how old it is (ISO 8601 duration; NULL when not known). */
struct fl_degraded {
    const char *cause;
    const char *age;
};

/* One input of inputs.json. Texts are borrowed from the contract; NULL when the member is absent.
 */
struct fl_input {
    const char *input;  /* name under which the stage declared it; never NULL */
    const char *stage;  /* stage that made it */
    const char *output; /* output of that stage */
    const char *file;   /* name in DATA; never NULL */
    const char *site;
    const char *path; /* relative to the site's root */
    const char *url;  /* not NULL: the file is at another site and NOT in DATA */
    bool has_lead;
    bool has_cycle;
    bool has_valid_time;
    bool has_size;
    struct fl_lead lead;
    struct fl_cycle cycle;
    struct fl_cycle valid_time;
    uint64_t size;              /* bytes */
    char sha256[FL_DIGEST_HEX]; /* "" when absent */
    const struct fl_degraded *degraded;
    size_t degraded_count;
};

/* The environment of a stage; NULL where a variable is not set. */
struct fl_contract_env {
    const char *run;
    const char *workflow;
    const char *stage;
    const char *cycle;
    const char *lead;
    const char *attempt;
    const char *output_dir;
    const char *products;
};

struct fl_contract;

/* Reads the environment, inputs.json (in $DATA when we run under FAIRLEAD_RUN, else in the current
 * folder; none is fine) and connects to FAIRLEAD_SOCKET when that is set.
 * FL_E_PARSE and FL_E_TOO_BIG for a bad inputs.json, FL_E_NET when the socket cannot be reached,
 * FL_E_IO, FL_E_NOMEM. */
int fl_contract_open(struct fl_contract **ret_contract, struct fl_err *reterr);
/* NULL is fine. */
void fl_contract_close(struct fl_contract *contract);
FL_DEFINE_AUTO(struct fl_contract *, fl_contract_close)

/* Borrowed until close. */
const struct fl_contract_env *fl_contract_env(const struct fl_contract *contract);

/* True when somebody listens. */
bool fl_contract_is_connected(const struct fl_contract *contract);

/* The inputs, in the file's order; borrowed. 0 and NULL when there was no inputs.json. */
size_t fl_contract_inputs(const struct fl_contract *contract, const struct fl_input **ret_inputs);
/* The input whose file in DATA has this name (the last component of file counts), or NULL. */
const struct fl_input *fl_contract_input_of_file(const struct fl_contract *contract,
                                                 const char *file);
/* The distinct marks of all inputs, sorted by cause and age; borrowed. Whoever makes a file from
 * the inputs puts them into it. */
size_t fl_contract_degraded_of_inputs(const struct fl_contract *contract,
                                      const struct fl_degraded **ret_degraded);

/* Where an output called `file` is to be written: below FAIRLEAD_OUTPUT_DIR when that is set and
 * file is relative, else file itself. FL_E_TOO_BIG; FL_E_PERM for a relative file that leaves the
 * folder. */
int fl_contract_place(const struct fl_contract *contract, const char *file, char *path, size_t size,
                      struct fl_err *reterr);

/* Each says one event; says nothing and returns 0 when nobody listens.
 * FL_E_TIMEOUT when the reader stays behind, FL_E_NET when it is gone, FL_E_TOO_BIG.
 *
 * Output: file is complete and closed, named relative to FAIRLEAD_OUTPUT_DIR or by a path inside
 * it (FL_E_PERM when outside, FL_E_NOENT when it is not there). lead may be NULL. */
int fl_contract_output(struct fl_contract *contract, const char *output, const struct fl_lead *lead,
                       const char *file, struct fl_err *reterr);
/* The same with marks (count may be 0). */
int fl_contract_output_marked(struct fl_contract *contract, const char *output,
                              const struct fl_lead *lead, const char *file,
                              const struct fl_degraded *marks, size_t count, struct fl_err *reterr);
/* A declared output will not come, by an explicit rule. lead, age may be NULL. */
int fl_contract_absent(struct fl_contract *contract, const char *output, const struct fl_lead *lead,
                       const char *cause, const char *age, struct fl_err *reterr);
/* Progress may be dropped when the reader is behind: the next one replaces it. */
int fl_contract_progress(struct fl_contract *contract, struct fl_lead lead, struct fl_err *reterr);
/* fraction within 0 to 1. */
int fl_contract_progress_fraction(struct fl_contract *contract, double fraction,
                                  struct fl_err *reterr);
int fl_contract_warn(struct fl_contract *contract, const char *text, struct fl_err *reterr);
/* We used a substitute ourselves. age may be NULL. */
int fl_contract_degraded(struct fl_contract *contract, const char *cause, const char *age,
                         struct fl_err *reterr);

#endif
