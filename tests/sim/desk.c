/* What people ask. */
#include "config.h"

#include "tests/sim/desk.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

static void connect_bus(struct desk *desk)
{
    fl_assert(fl_bus_client_create(&desk->machine->world,
                                   sim_net_transport(desk->machine->net, DESK_NODE), NULL,
                                   &desk->client, NULL) == 0);
}

void desk_open(struct desk *desk, struct machine *machine, struct facts *facts, json_t *workflow)
{
    *desk = (struct desk){.machine = machine, .facts = facts, .workflow = workflow};
    connect_bus(desk);
}

void desk_close(struct desk *desk)
{
    desk->machine->net->mute[DESK_NODE] = true;
    fl_bus_client_destroy(desk->client);
    desk->machine->net->mute[DESK_NODE] = false;
    json_decref(desk->request);
    desk->client = NULL;
    desk->request = NULL;
}

void desk_restart(struct desk *desk)
{
    desk_close(desk);
    connect_bus(desk);
}

bool desk_is_free(const struct desk *desk)
{
    return !desk->request;
}

static void send(struct desk *desk)
{
    /* a full queue: the request is lost, as when people give up */
    if (fl_bus_client_send(desk->client, desk->request, NULL) < 0) {
        json_decref(desk->request);
        desk->request = NULL;
    }
}

static void ask(struct desk *desk, json_t *request)
{
    fl_assert(request && !desk->request);
    (void)json_object_set_new(request, "id", json_sprintf("%u", ++desk->number));
    desk->request = request;
    send(desk);
}

void desk_submit(struct desk *desk, unsigned run)
{
    ask(desk, json_pack("{s:s,s:s,s:s,s:s,s:O}", "type", "request", "verb", "submit", "who", "sim",
                        "cycle", strchr(facts_run_name(run), '/') + 1, "workflow", desk->workflow));
}

void desk_install(struct desk *desk)
{
    ask(desk, json_pack("{s:s,s:s,s:s,s:O}", "type", "request", "verb", "install", "who", "sim",
                        "workflow", desk->workflow));
}

void desk_ask(struct desk *desk, const char *verb, unsigned run, const char *stage)
{
    ask(desk, json_pack("{s:s,s:s,s:s,s:s,s:s*}", "type", "request", "verb", verb, "who", "sim",
                        "run", facts_run_name(run), "stage", stage));
}

void desk_force(struct desk *desk, unsigned run)
{
    ask(desk, json_pack("{s:s,s:s,s:s,s:s,s:b}", "type", "request", "verb", "retry", "who", "sim",
                        "run", facts_run_name(run), "force", 1));
}

void desk_turn(struct desk *desk)
{
    struct fl_bus_event event;

    while (fl_bus_client_recv(desk->client, &event, NULL) == 0) {
        if (event.kind == FL_BUS_MESSAGE && desk->request &&
            json_equal(json_object_get(event.message, "id"),
                       json_object_get(desk->request, "id"))) {
            json_decref(desk->request);
            desk->request = NULL;
            desk->replies++;
        } else if (event.kind == FL_BUS_RESET && desk->request) {
            send(desk);
        }
        json_decref(event.message);
    }
}
