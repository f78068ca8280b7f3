#ifndef FL_TESTS_SIM_STAGE_H
#define FL_TESTS_SIM_STAGE_H

/* Supervisors and the bodies of stages on a simulated machine. The supervisor is a model of
 * engine/worker/supervisor.c and post.c, which need signals, pipes and a process tree of their own:
 * the same channel, lock, supervisor.json, spool and orders (by the engine's own code for the
 * spool), each in a step that a kill can come after. What it runs does as chance says: outputs,
 * absences, failures of each class. All that bodies did is kept in a ledger, for the invariants.
 * Owns: the processes of a machine. Threads: one. Limits: none of its own. */

#include <jansson.h>
#include <sys/types.h>

#include "engine/base/digest.h"
#include "engine/base/err.h"
#include "engine/worker/spool.h"
#include "tests/sim/machine.h"

#define STAGE_FOLLOWED 4 /* members of what a stage follows */

enum stage_state {
    STAGE_POSTED,  /* it waits for an attempt */
    STAGE_LOCKING, /* it has one: the lock comes next */
    STAGE_TELLING, /* what supervisor.json says comes next */
    STAGE_ASKING,  /* begin comes next */
    STAGE_GRANTED, /* its launch let it begin: the body comes next */
    STAGE_WAITING, /* for go */
    STAGE_STARTED, /* the body runs, begun comes next */
    STAGE_RUNNING,
    STAGE_ENDING,  /* the end in the spool comes next */
    STAGE_CLOSING, /* and its sync */
    STAGE_GONE,
};

struct stage {
    struct machine *machine;
    enum stage_state state;
    pid_t pid;
    pid_t body;    /* 0: none */
    bool is_child; /* of a worker that lives: a zombie until it is reaped */
    bool reaped;
    int status; /* code + 1, or minus the signal */
    unsigned boot;
    char name[64];            /* that a later worker connects to */
    struct channel *channel;  /* NULL: nobody hears */
    struct channel *incoming; /* one that asks to be let in */
    bool is_first;            /* the channel is that of the worker that started it */
    bool behind;              /* lines were not sent: its worker must read the file */
    /* the attempt */
    char folder[256];
    char id[160];
    char token[FL_DIGEST_HEX];
    int64_t grant_ns; /* as the worker has given it */
    int lock_fd;
    struct fl_spool_writer spool;
    json_t *held; /* entries that found the disk full */
    json_t *spec;
    json_t *end;
    size_t said;   /* outputs announced */
    bool has_said; /* the members of its set */
};

/* What bodies did, whatever machine they were on. */
struct deed {
    char id[160];
    unsigned started; /* since its machine was last started */
    unsigned boot;
    bool ended_well;
    bool forgotten; /* a disk lost all about it: then it may be started again */
};
struct ledger {
    struct deed *deeds;
    size_t count;
    size_t room;
    char broken[256]; /* an invariant that a body saw broken; "": none */
};
struct deed *ledger_deed(struct ledger *ledger, const char *id);

/* Takes a step of one of the machine's supervisors that live, by chance. troubles: stages may fail
 * in every way. */
void stages_step(struct machine *machine, struct ledger *ledger, bool troubles);
/* Ends one supervisor as by kill -9; its body goes on. */
void stages_kill_one(struct machine *machine);
void stages_release(struct machine *machine);
void stages_power_loss(struct machine *machine);
/* The worker that had started them is dead. */
void stages_orphan(struct machine *machine);

/* A person ends what is left of attempts that were lost. */
void stages_end_lost(struct machine *machine, bool (*is_lost)(const char *id, void *arg),
                     void *arg);

/* For the machine's calls. */
pid_t stage_spawn(struct machine *machine, int stdin_fd);
pid_t stages_acting(const struct machine *machine);
bool stages_known(const struct machine *machine, pid_t pid);
bool stages_alive(const struct machine *machine, pid_t pid);
int stages_reap(struct machine *machine, pid_t pid, int *ret_status);
int stages_kill(struct machine *machine, pid_t pid, int signal);
/* NULL: nobody of that name listens. */
struct channel *stages_connect(struct machine *machine, const char *name);
size_t stages_marked(const struct machine *machine, const char *marker, pid_t *pids, size_t room);

/* Of each body. */
void stages_tokens(const struct machine *machine,
                   void (*fn)(pid_t pid, const char *value, void *arg), void *arg);

#endif
