/* The coordinator, turn by turn. */
#include "config.h"

#include "tests/sim/office.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/coordinator/private.h"
#include "engine/world/wake.h"
#include "tests/sim/threads.h"
#include "engine/base/banned.h"

#define LOG_BYTES 65536 /* a few batches, and then some that make it longer */

static void look(const void *data, size_t size, void *arg);

void office_open(struct office *office, struct machine *machine, struct facts *facts)
{
    memset(office, 0, sizeof(*office));
    office->machine = machine;
    office->facts = facts;
    machine->net->look = look;
    machine->net->look_arg = office;
}

/* Reads the record as another process of the machine. */
static void read_record(struct office *office)
{
    struct machine *machine = office->machine;
    uint32_t die_after = machine->die_after;

    if (machine->dead || !office->reader)
        return;
    machine->die_after = 0; /* it is not this process that is to die */
    facts_read(office->facts, office->reader);
    machine->die_after = die_after;
}

/* Something leaves the coordinator: all that it rests on must have been committed by now. */
static void look(const void *data, size_t size, void *arg)
{
    struct office *office = arg;

    read_record(office);
    facts_look(office->facts, data, size);
}

static void down(struct office *office)
{
    fl_store_destroy(office->reader);
    office->reader = NULL;
    fl_coordinator_destroy(office->coordinator);
    office->coordinator = NULL;
    machine_bury(office->machine);
}

void office_close(struct office *office)
{
    machine_turn(office->machine);
    machine_die(office->machine);
    down(office);
    machine_turn(NULL);
}

void office_kill(struct office *office)
{
    machine_turn(office->machine);
    if (office->coordinator)
        machine_die(office->machine);
    down(office);
    machine_turn(NULL);
}

static void open_reader(struct office *office)
{
    const struct fl_store_config config = {.folder = OFFICE_STATE, .read_only = true, .vfs = "sim"};
    uint32_t die_after = office->machine->die_after;
    struct fl_err err = {0};

    office->machine->die_after = 0;
    if (fl_store_open(&config, &office->reader, &err) < 0)
        facts_broken(office->facts, "the record cannot be opened: %s", err.text);
    else
        facts_recover(office->facts, office->reader);
    office->machine->die_after = die_after;
}

/* An end of the coordinator that nothing of ours has caused is an error. */
static void ended(struct office *office, const char *where, int rc, const struct fl_err *err)
{
    bool starts = strcmp(where, "start") == 0;
    unsigned failures = disk_sync_failures(office->machine->disk);

    if (!office->machine->dead && failures == office->failures &&
        !(starts && office->machine->full))
        facts_broken(office->facts, "the coordinator ended (%s): %s: %s", where, fl_err_name(rc),
                     err->text);
    office->failures = failures;
    down(office);
}

static void start(struct office *office)
{
    const struct fl_coordinator_config config = {.world = &office->machine->world,
                                                 .state = OFFICE_STATE,
                                                 .listen = "tcp://127.0.0.1:0",
                                                 .vfs = "sim",
                                                 .log_bytes = LOG_BYTES};
    struct fl_err err = {0};
    int rc = fl_coordinator_create(&config, &office->coordinator, &err);

    if (rc < 0) {
        ended(office, "start", rc, &err);
        return;
    }
    office->lives++;
    if (!office->machine->dead)
        open_reader(office);
}

void office_turn(struct office *office)
{
    struct machine *machine = office->machine;
    struct fl_err err = {0};
    int rc;

    machine_turn(machine);
    if (!office->coordinator) {
        start(office);
    } else {
        machine->waits_end = true;
        machine->waited = false;
        rc = fl_coordinator_run(office->coordinator, &err);
        machine->waits_end = false;
        if (machine->dead || !machine->waited)
            ended(office, "turn", rc, &err);
        else
            read_record(office);
    }
    if (office->machine->dead)
        down(office);
    machine_turn(NULL);
}

void office_commit(struct office *office)
{
    machine_turn(office->machine);
    if (office->coordinator)
        sim_commit_do(office->coordinator->commit);
    if (office->machine->dead)
        down(office);
    else
        read_record(office);
    machine_turn(NULL);
}

void office_check_state(struct office *office)
{
    const struct fl_coordinator *c = office->coordinator;
    char live[FL_DIGEST_HEX];
    char read[FL_DIGEST_HEX];

    if (!c || c->flight || c->open->events.count > 0 || c->seq != office->facts->seq)
        return;
    facts_picture(c->core, live);
    facts_picture(office->facts->core, read);
    if (strcmp(live, read) != 0)
        facts_broken(office->facts, "the replay of %llu events is not the live state",
                     (unsigned long long)c->seq);
}

int64_t office_next_timer_ns(const struct office *office)
{
    return office->coordinator ? fl_core_next_timer_ns(office->coordinator->core) : INT64_MAX;
}
