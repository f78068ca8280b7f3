/* Supervisors and bodies. */
#include "config.h"

#include "tests/sim/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/world/file.h"
#include "engine/worker/supervisor.h"
#include "tests/sim/channel.h"
#include "tests/sim/graph.h"
#include "engine/base/banned.h"

/* ---------------------------------------------------------------- the ledger */

struct deed *ledger_deed(struct ledger *ledger, const char *id)
{
    for (size_t i = ledger->count; i > 0; i--) {
        if (strcmp(ledger->deeds[i - 1].id, id) == 0)
            return &ledger->deeds[i - 1];
    }
    if (ledger->count == ledger->room) {
        ledger->room = ledger->room ? ledger->room * 2 : 64;
        ledger->deeds = realloc(ledger->deeds, ledger->room * sizeof(*ledger->deeds));
        fl_assert(ledger->deeds);
    }
    ledger->deeds[ledger->count] = (struct deed){0};
    (void)snprintf(ledger->deeds[ledger->count].id, sizeof(ledger->deeds[0].id), "%s", id);
    return &ledger->deeds[ledger->count++];
}

/* ---------------------------------------------------------------- processes */

static bool lives(const struct stage *stage)
{
    return stage->state != STAGE_GONE;
}

static void hang_up(struct stage *stage)
{
    if (stage->channel)
        channel_leave(stage->channel, 1);
    stage->channel = NULL;
    stage->is_first = false;
}

/* The attempt is out of its hands, whatever became of it. */
static void put_down(struct stage *stage)
{
    machine_fd_close(stage->machine, stage->lock_fd);
    stage->lock_fd = -1;
    fl_spool_close(&stage->spool);
    json_decref(stage->spec);
    json_decref(stage->end);
    json_decref(stage->held);
    stage->spec = stage->end = stage->held = NULL;
    stage->said = 0;
    stage->has_said = false;
}

static void stage_gone(struct stage *stage, int status)
{
    stage->state = STAGE_GONE;
    stage->status = status;
    hang_up(stage);
    if (stage->incoming)
        channel_leave(stage->incoming, 1);
    stage->incoming = NULL;
    put_down(stage);
}

static void stage_free(struct stage *stage)
{
    if (lives(stage))
        stage_gone(stage, -SIGKILL);
    free(stage);
}

/* Those of which nothing is left are forgotten. */
static void stages_tidy(struct machine *machine)
{
    size_t kept = 0;

    for (size_t i = 0; i < machine->stage_count; i++) {
        struct stage *stage = machine->stages[i];

        if (!lives(stage) && stage->body == 0 && (!stage->is_child || stage->reaped))
            stage_free(stage);
        else
            machine->stages[kept++] = stage;
    }
    machine->stage_count = kept;
}

pid_t stage_spawn(struct machine *machine, int stdin_fd)
{
    const struct fd *fd = machine_fd(machine, stdin_fd);
    struct stage *stage = calloc(1, sizeof(*stage));

    fl_assert(stage && fd && fd->channel);
    stages_tidy(machine);
    if (machine->stage_count == machine->stage_room) {
        machine->stage_room = machine->stage_room ? machine->stage_room * 2 : 16;
        machine->stages = realloc(machine->stages, machine->stage_room * sizeof(*machine->stages));
        fl_assert(machine->stages);
    }
    stage->machine = machine;
    stage->pid = ++machine->pid_last;
    stage->boot = machine->boot;
    stage->is_child = true;
    stage->lock_fd = stage->spool.fd = -1;
    stage->channel = fd->channel;
    stage->is_first = true;
    channel_hold(stage->channel, 1);
    (void)snprintf(stage->name, sizeof(stage->name), "fairlead/%d", (int)stage->pid);
    machine->stages[machine->stage_count++] = stage;
    return stage->pid;
}

/* The supervisor that has the turn of the machine's disk: the one whose step it is. */
pid_t stages_acting(const struct machine *machine)
{
    return machine->acting;
}

static struct stage *find(const struct machine *machine, pid_t pid)
{
    for (size_t i = 0; i < machine->stage_count; i++) {
        if (machine->stages[i]->pid == pid || machine->stages[i]->body == pid)
            return machine->stages[i];
    }
    return NULL;
}

bool stages_alive(const struct machine *machine, pid_t pid)
{
    const struct stage *stage = pid > 0 ? find(machine, pid) : NULL;

    return stage && (stage->body == pid || lives(stage));
}

bool stages_known(const struct machine *machine, pid_t pid)
{
    const struct stage *stage = pid > 0 ? find(machine, pid) : NULL;

    return stage && (stages_alive(machine, pid) || (stage->is_child && !stage->reaped));
}

int stages_reap(struct machine *machine, pid_t pid, int *ret_status)
{
    struct stage *stage = find(machine, pid);

    if (!stage || !stage->is_child || stage->reaped)
        return -ECHILD;
    if (lives(stage))
        return 0;
    stage->reaped = true;
    *ret_status = stage->status;
    return 1;
}

int stages_kill(struct machine *machine, pid_t pid, int signal)
{
    struct stage *stage = find(machine, pid);

    if (!stage || !stages_alive(machine, pid))
        return -ESRCH;
    if (signal == SIGKILL && stage->body == pid)
        stage->body = 0;
    else if (signal == SIGKILL)
        stage_gone(stage, -SIGKILL);
    return 0;
}

struct channel *stages_connect(struct machine *machine, const char *name)
{
    for (size_t i = 0; i < machine->stage_count; i++) {
        struct stage *stage = machine->stages[i];

        if (!lives(stage) || strcmp(stage->name, name) != 0)
            continue;
        if (stage->incoming)
            channel_leave(stage->incoming, 1);
        stage->incoming = channel_create(); /* one side for each of us */
        return stage->incoming;
    }
    return NULL;
}

size_t stages_marked(const struct machine *machine, const char *marker, pid_t *pids, size_t room)
{
    const char *token = strchr(marker, '=') + 1;
    size_t count = 0;

    for (size_t i = 0; i < machine->stage_count && count < room; i++) {
        if (machine->stages[i]->body > 0 && strcmp(machine->stages[i]->token, token) == 0)
            pids[count++] = machine->stages[i]->body;
    }
    return count;
}

void stages_tokens(const struct machine *machine,
                   void (*fn)(pid_t pid, const char *value, void *arg), void *arg)
{
    for (size_t i = 0; i < machine->stage_count; i++) {
        if (machine->stages[i]->body > 0)
            fn(machine->stages[i]->body, machine->stages[i]->token, arg);
    }
}

void stages_orphan(struct machine *machine)
{
    for (size_t i = 0; i < machine->stage_count; i++)
        machine->stages[i]->is_child = false;
    stages_tidy(machine);
}

void stages_power_loss(struct machine *machine)
{
    for (size_t i = 0; i < machine->stage_count; i++) {
        machine->stages[i]->body = 0;
        if (lives(machine->stages[i]))
            stage_gone(machine->stages[i], -SIGKILL);
    }
    stages_orphan(machine);
}

void stages_end_lost(struct machine *machine, bool (*is_lost)(const char *id, void *arg), void *arg)
{
    for (size_t i = 0; i < machine->stage_count; i++) {
        struct stage *stage = machine->stages[i];

        if ((stage->body == 0 && stage->state < STAGE_LOCKING) || !is_lost(stage->id, arg))
            continue;
        stage->body = 0;
        if (lives(stage))
            stage_gone(stage, -SIGKILL);
    }
}

void stages_release(struct machine *machine)
{
    for (size_t i = 0; i < machine->stage_count; i++)
        stage_free(machine->stages[i]);
    free(machine->stages);
    machine->stages = NULL;
    machine->stage_count = 0;
}

/* True when it has something to do. */
static bool is_busy(const struct stage *stage)
{
    if (!lives(stage))
        return false;
    if ((stage->state != STAGE_POSTED && stage->state != STAGE_WAITING) || stage->behind ||
        json_array_size(stage->held) > 0)
        return true;
    return stage->incoming || (stage->channel && channel_ready(stage->channel, 1)) ||
           (stage->state == STAGE_POSTED && !stage->channel);
}

static struct stage *pick(struct machine *machine, bool (*fits)(const struct stage *stage))
{
    size_t count = 0;
    size_t at;

    for (size_t i = 0; i < machine->stage_count; i++)
        count += fits(machine->stages[i]);
    if (count == 0)
        return NULL;
    at = sim_pick(machine->random, (uint32_t)count);
    for (size_t i = 0;; i++) {
        if (fits(machine->stages[i]) && at-- == 0)
            return machine->stages[i];
    }
}

void stages_kill_one(struct machine *machine)
{
    struct stage *stage = pick(machine, lives);

    if (stage)
        stage_gone(stage, -SIGKILL);
}

/* ---------------------------------------------------------------- what a supervisor does */

static int path_in(const struct stage *stage, const char *name, char path[FL_PATH_MAX])
{
    return fl_path_join(stage->folder, name, path, FL_PATH_MAX, NULL);
}

static int read_json(const struct stage *stage, const char *name, json_t **ret_json)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char path[FL_PATH_MAX];
    int rc = path_in(stage, name, path);

    fl_buf_init(&text, 0);
    if (rc == 0)
        rc = fl_file_read(&stage->machine->world, path, SIZE_MAX / 2, &text, NULL);
    return rc == 0 ? fl_json_parse(text.data, text.size, ret_json, NULL) : rc;
}

/* What was written last goes through the channel too, for whom it is quicker. */
static void send_line(struct stage *stage)
{
    const struct fl_buf *line = &stage->spool.line;
    int rc;

    if (!stage->channel || stage->behind)
        return;
    rc = channel_send(stage->channel, 1, line->data, line->size - 1);
    if (rc == FL_E_NET)
        hang_up(stage);
    stage->behind = rc == FL_E_AGAIN;
}

static void send_note(struct stage *stage, const char *note)
{
    char text[64];
    int size = snprintf(text, sizeof(text), "{\"note\":\"%s\"}", note);
    int rc = channel_send(stage->channel, 1, text, (size_t)size);

    if (rc == FL_E_NET)
        hang_up(stage);
    stage->behind = rc == FL_E_AGAIN;
}

/* entry is released. What finds the disk full is kept. */
static int spool(struct stage *stage, json_t *entry)
{
    int rc = FL_E_NOSPACE;

    if (json_array_size(stage->held) == 0)
        rc = fl_spool_add(&stage->spool, entry, NULL);
    if (rc == 0)
        send_line(stage);
    if (rc != FL_E_NOSPACE) {
        json_decref(entry);
        return rc;
    }
    if (!stage->held)
        stage->held = json_array();
    (void)json_array_append_new(stage->held, entry);
    return 0;
}

static int spool_held(struct stage *stage)
{
    int rc = fl_spool_add(&stage->spool, json_array_get(stage->held, 0), NULL);

    if (rc == FL_E_NOSPACE)
        return 0;
    if (rc == 0) {
        send_line(stage);
        (void)json_array_remove(stage->held, 0);
    }
    return rc;
}

/* An attempt from the worker that started it; without one it ends. */
static int step_post(struct stage *stage)
{
    fl_json_auto json_t *order = NULL;
    char data[1024];
    size_t size = 0;
    int rc =
        stage->is_first ? channel_receive(stage->channel, 1, data, sizeof(data), &size) : FL_E_NET;

    if (rc == FL_E_NET) {
        stage_gone(stage, 1);
        return 0;
    }
    if (rc < 0 || fl_json_parse(data, size, &order, NULL) < 0 ||
        !json_is_string(json_object_get(order, "folder")))
        return 0;
    (void)snprintf(stage->folder, sizeof(stage->folder), "%s",
                   json_string_value(json_object_get(order, "folder")));
    stage->grant_ns = json_integer_value(json_object_get(order, "grant_ns"));
    stage->state = STAGE_LOCKING;
    return 0;
}

static int step_lock(struct stage *stage)
{
    const struct fl_world *world = &stage->machine->world;
    char path[FL_PATH_MAX];
    char pid[16];
    int rc = path_in(stage, FL_SUPERVISOR_FILE, path);

    if (rc == 0)
        rc = read_json(stage, "spec.json", &stage->spec);
    if (rc < 0)
        return rc;
    (void)snprintf(stage->id, sizeof(stage->id), "%s",
                   json_string_value(json_object_get(stage->spec, "id")));
    (void)snprintf(stage->token, sizeof(stage->token), "%s",
                   json_string_value(json_object_get(stage->spec, "token")));
    stage->lock_fd = world->ops->open(path, O_RDWR | O_CREAT, 0644, world->arg);
    if (stage->lock_fd < 0 || world->ops->lock(stage->lock_fd, world->arg) < 0)
        return FL_E_LOCKED;
    (void)snprintf(pid, sizeof(pid), "%d\n", (int)stage->pid);
    (void)world->ops->truncate(stage->lock_fd, 0, world->arg);
    (void)world->ops->pwrite(stage->lock_fd, pid, strlen(pid), 0, world->arg);
    rc = fl_spool_open(&stage->spool, world, stage->folder, NULL);
    if (rc == 0 && stage->spool.index > 0)
        rc = FL_E_EXISTS;
    stage->state = STAGE_TELLING;
    return rc;
}

static int step_tell(struct stage *stage)
{
    const struct fl_world *world = &stage->machine->world;
    char text[512];
    int size = snprintf(text, sizeof(text),
                        "%d\n{\"pid\":%d,\"start\":%d,\"boot\":\"boot-%u\",\"name\":\"%s\","
                        "\"socket\":\"/run/%d.event\"}\n",
                        (int)stage->pid, (int)stage->pid, (int)stage->pid * 7, stage->boot,
                        stage->name, (int)stage->pid);

    stage->state = STAGE_ASKING;
    return world->ops->pwrite(stage->lock_fd, text, (size_t)size, 0, world->arg) == size
               ? 0
               : FL_E_NOSPACE;
}

static void end_code(struct stage *stage, const char *state, int code, const char *class,
                     const char *reason)
{
    stage->body = 0;
    stage->end = fl_spool_end(state, code, 0, class, reason);
    stage->state = STAGE_ENDING;
}

static void end_with(struct stage *stage, const char *state, const char *class, const char *reason)
{
    end_code(stage, state, strcmp(state, "succeeded") == 0 ? 0 : 1, class, reason);
}

static void start_body(struct stage *stage, struct ledger *ledger)
{
    struct deed *deed = ledger_deed(ledger, stage->id);

    stage->body = ++stage->machine->pid_last;
    stage->state = STAGE_STARTED;
    if (deed->boot != stage->boot) /* its first body went down with the machine */
        deed->started = 0;
    deed->boot = stage->boot;
    if (++deed->started > 1 && !deed->forgotten)
        (void)snprintf(ledger->broken, sizeof(ledger->broken), "the body of %s started twice",
                       stage->id);
}

static void take_order(struct stage *stage, const json_t *order, struct ledger *ledger)
{
    const char *type = json_string_value(json_object_get(order, "type"));
    const char *token = json_string_value(json_object_get(order, "token"));

    if (stage->state >= STAGE_ENDING || !type)
        return;
    if (strcmp(type, "go") == 0 && stage->state == STAGE_WAITING && token &&
        strcmp(token, stage->token) == 0)
        start_body(stage, ledger);
    else if (strcmp(type, "refuse") == 0 && stage->state == STAGE_WAITING)
        end_with(stage, "cancelled", NULL, "not let begin");
    else if (strcmp(type, "cancel") == 0)
        end_with(stage, "cancelled", NULL, "cancelled");
    else if (strcmp(type, "fail") == 0)
        end_with(stage, "failed", "transient", "the worker failed it");
}

/* True when an order was there. */
static bool hear(struct stage *stage, struct ledger *ledger)
{
    fl_json_auto json_t *order = NULL;
    char data[4096];
    size_t size = 0;
    int rc;

    if (stage->state < STAGE_WAITING || !stage->channel)
        return false;
    rc = channel_receive(stage->channel, 1, data, sizeof(data), &size);
    if (rc == FL_E_NET)
        hang_up(stage);
    if (rc == 0 && fl_json_parse(data, size, &order, NULL) == 0)
        take_order(stage, order, ledger);
    return rc == 0;
}

/* The record of the begin comes before the body. Granted when it could be written at once. */
static int step_ask(struct stage *stage)
{
    bool granted = fl_world_mono_ns(&stage->machine->world) < stage->grant_ns;
    fl_json_auto json_t *begin = json_pack("{s:s,s:s}", "type", "begin", "token", stage->token);
    int rc = FL_E_NOSPACE;

    if (granted) {
        (void)json_object_set_new(begin, "granted", json_true());
        rc = fl_spool_add(&stage->spool, begin, NULL);
        (void)json_object_del(begin, "granted");
    }
    if (rc == 0)
        stage->state = STAGE_GRANTED;
    if (rc != FL_E_NOSPACE)
        return rc;
    stage->state = STAGE_WAITING;
    return spool(stage, json_incref(begin));
}

/* True when every member of what it follows has been handed over. */
static bool has_all(const struct stage *stage, const json_t *follow)
{
    fl_json_auto json_t *doc = NULL;
    const json_t *inputs;

    if (json_array_size(follow) == 0)
        return true;
    if (read_json(stage, "data/inputs.json", &doc) < 0)
        return false;
    inputs = json_object_get(doc, "inputs");
    for (size_t f = 0; f < json_array_size(follow); f++) {
        const char *wanted = json_string_value(json_array_get(follow, f));
        unsigned found = 0;

        for (size_t i = 0; i < json_array_size(inputs); i++) {
            const char *input =
                json_string_value(json_object_get(json_array_get(inputs, i), "input"));

            found += input && strcmp(input, wanted) == 0;
        }
        if (found < STAGE_FOLLOWED)
            return false;
    }
    return true;
}

/* The same file where the other machine of the site sees it. */
static void mirror_file(struct machine *mirror, const char *folder, const char *path,
                        const char *text, size_t size)
{
    uint32_t die_after = mirror->die_after;
    char out[FL_PATH_MAX];

    mirror->die_after = 0;
    disk_fill(mirror->disk, false);
    (void)snprintf(out, sizeof(out), "%s/out", folder);
    if (fl_dir_make(&mirror->world, out, 0755, NULL) == 0)
        (void)fl_file_append(&mirror->world, path, text, size, true, NULL);
    disk_fill(mirror->disk, mirror->full);
    mirror->die_after = die_after;
}

static int say_output(struct stage *stage, const json_t *output)
{
    const struct fl_world *world = &stage->machine->world;
    const char *file = json_string_value(json_object_get(output, "file"));
    const char *lead = json_string_value(json_object_get(output, "lead"));
    char rel[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    char text[512];
    char sha[FL_DIGEST_HEX];
    int size = snprintf(text, sizeof(text), "%s of %s\n", file, stage->id);
    int rc;

    (void)snprintf(rel, sizeof(rel), "out/%s", file);
    rc = path_in(stage, rel, path);
    if (rc == 0) /* synced before it is told */
        rc = fl_file_append(world, path, text, (size_t)size, true, NULL);
    if (rc < 0)
        return rc;
    if (stage->machine->mirror)
        mirror_file(stage->machine->mirror, stage->folder, path, text, (size_t)size);
    fl_digest_memory(text, (size_t)size, sha);
    (void)snprintf(path, sizeof(path), "work/%s/out/%s", stage->id, file);
    return spool(stage, json_pack("{s:s,s:O,s:s*,s:s,s:i,s:s}", "type", "output", "output",
                                  json_object_get(output, "output"), "lead", lead, "path", path,
                                  "size", size, "sha256", sha));
}

/* A stage named "say2" says that its set has two members, whichever attempt it is. */
static int say_set(struct stage *stage)
{
    static const char *const members[SIM_MEMBERS] = {"a", "b", "c"};
    unsigned count = (unsigned)(strstr(stage->id, "/say")[4] - '0');
    json_t *list = json_array();

    for (unsigned i = 0; i < count && i < SIM_MEMBERS; i++)
        (void)json_array_append_new(list, json_string(members[i]));
    return spool(stage, json_pack("{s:s,s:s,s:o}", "type", "set", "set", "d", "members", list));
}

static int step_body(struct stage *stage, struct ledger *ledger, bool troubles)
{
    static const char *const classes[] = {"transient", "limit", "data", "config"};
    struct sim_random *random = stage->machine->random;
    const json_t *outputs = json_object_get(stage->spec, "outputs");
    uint32_t luck = sim_pick(random, 1000);

    if (stage->body == 0) { /* it was killed from outside */
        end_with(stage, "failed", "transient", "ended by signal 9");
        return 0;
    }
    if (troubles && luck < 15) {
        end_code(stage, luck < 3 ? "timed-out" : "failed", luck % 2 ? SIM_EXIT : 1,
                 classes[sim_pick(random, 4)], "chance");
        return 0;
    }
    if (!stage->has_said && strstr(stage->id, "/say")) {
        stage->has_said = true;
        return say_set(stage);
    }
    if (stage->said == json_array_size(outputs)) {
        if (has_all(stage, json_object_get(stage->spec, "follow"))) {
            ledger_deed(ledger, stage->id)->ended_well = true;
            end_with(stage, "succeeded", NULL, NULL);
        }
        return 0;
    }
    outputs = json_array_get(outputs, stage->said++);
    if (troubles && luck > 985)
        return spool(stage, json_pack("{s:s,s:O,s:s*,s:s}", "type", "absent", "output",
                                      json_object_get(outputs, "output"), "lead",
                                      json_string_value(json_object_get(outputs, "lead")), "cause",
                                      "not there"));
    return say_output(stage, outputs);
}

/* The end is on the disk: the next attempt may come. */
static int step_close(struct stage *stage)
{
    int rc = fl_spool_sync(&stage->spool, NULL);

    if (rc < 0)
        return rc;
    put_down(stage);
    stage->state = STAGE_POSTED;
    if (stage->is_first)
        send_note(stage, "free");
    if (stage->behind)
        hang_up(stage);
    return 0;
}

static int step(struct stage *stage, struct ledger *ledger, bool troubles)
{
    if (stage->incoming) {
        hang_up(stage);
        stage->channel = stage->incoming;
        stage->incoming = NULL;
        stage->behind = false;
    }
    if (stage->behind && stage->channel)
        send_note(stage, "read");
    if (json_array_size(stage->held) > 0)
        return spool_held(stage);
    if (hear(stage, ledger))
        return 0;
    switch (stage->state) {
    case STAGE_POSTED:
        return step_post(stage);
    case STAGE_LOCKING:
        return step_lock(stage);
    case STAGE_TELLING:
        return step_tell(stage);
    case STAGE_ASKING:
        return step_ask(stage);
    case STAGE_GRANTED:
        start_body(stage, ledger);
        break;
    case STAGE_STARTED:
        stage->state = STAGE_RUNNING;
        return spool(stage, json_pack("{s:s,s:i}", "type", "begun", "pid", (int)stage->body));
    case STAGE_RUNNING:
        return step_body(stage, ledger, troubles);
    case STAGE_ENDING:
        stage->state = STAGE_CLOSING;
        return spool(stage, json_incref(stage->end));
    case STAGE_CLOSING:
        return step_close(stage);
    case STAGE_WAITING:
    case STAGE_GONE:
        break;
    }
    return 0;
}

void stages_step(struct machine *machine, struct ledger *ledger, bool troubles)
{
    struct stage *stage = pick(machine, is_busy);
    unsigned failures = disk_sync_failures(machine->disk);

    if (!stage)
        return;
    machine->acting = stage->pid;
    if (step(stage, ledger, troubles) < 0) { /* its own failure: nothing may run on unseen */
        stage->body = 0;
        stage_gone(stage, 2);
    }
    if (disk_sync_failures(machine->disk) > failures) /* its record may be lost with that */
        ledger_deed(ledger, stage->id)->forgotten = true;
    machine->acting = 0;
}
