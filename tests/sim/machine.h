#ifndef FL_TESTS_SIM_MACHINE_H
#define FL_TESTS_SIM_MACHINE_H

/* A simulated machine: clocks, disk, processes, descriptors, behind the world's table and behind
 * those calls of engine/world that know no world (watch, channels, process trees; see outside.c):
 * they go to the machine whose turn it is. The one engine process that has the turn can be made to
 * die at the nth thing that it asks of the machine, between any two: from then on nothing that it
 * does has an effect. Owns: its disk, descriptors, supervisors. Threads: one. Limits:
 * MACHINE_*_MAX. */

#include <sys/types.h>

#include "engine/world/world.h"
#include "tests/sim/disk.h"
#include "tests/sim/net.h"

#define MACHINE_FDS_MAX 4096
#define MACHINE_FD_FIRST 3

struct channel;
struct stage;

enum fd_kind { FD_FREE, FD_FILE, FD_PID, FD_BELL, FD_WATCH, FD_CHANNEL };

struct fd {
    enum fd_kind kind;
    struct file *file;
    bool append;
    pid_t pid;
    bool rung;
    struct channel *channel;
    int side;
};

struct machine {
    int number; /* 0: the coordinator's */
    struct sim_net *net;
    struct disk *disk;
    struct sim_random *random;
    struct sim_random salt; /* for SQLite, which asks when it likes */
    struct fl_world world;
    int64_t utc_offset_ns;
    unsigned boot;
    pid_t pid_last;
    pid_t acting; /* the supervisor whose step it is; 0: the engine's process */
    struct fd fds[MACHINE_FDS_MAX];
    int fd_used; /* one above the highest that was used */
    struct machine
        *mirror; /* has the files of stages too: they lie on a file system that both see */
    struct stage **stages;
    size_t stage_count;
    size_t stage_room;
    uint32_t die_after; /* things asked until the process dies; 0: it does not */
    bool power_fails;   /* when it dies */
    bool full;          /* its disk */
    bool dead;          /* it has died; its remains are cleared away after its turn */
    bool waited;        /* it has come to wait: its turn is over */
    bool waits_end;     /* waiting ends the turn with an error (a loop that has no other way) */
};

struct machine *machine_create(int number, struct sim_net *net, struct sim_random *random);
void machine_destroy(struct machine *machine);

/* Gives the turn; NULL takes it. */
void machine_turn(struct machine *machine);
/* Whose turn it is. */
struct machine *machine_now(void);

/* The process is dead from now on. */
void machine_die(struct machine *machine);
/* Its remains are gone: descriptors that it did not close too. A new one may start. */
void machine_bury(struct machine *machine);
/* Called for everything that the process asks: true when it is dead. */
bool machine_is_dead(struct machine *machine);
void machine_fill(struct machine *machine, bool full);
/* All processes end at once, and what is not on the disk may be lost. */
void machine_power_loss(struct machine *machine);

int machine_fd_open(struct machine *machine, struct fd fd);
struct fd *machine_fd(struct machine *machine, int number);
void machine_fd_close(struct machine *machine, int number);
/* True when reading from it would not wait. */
bool machine_fd_ready(struct machine *machine, int number);

#endif
