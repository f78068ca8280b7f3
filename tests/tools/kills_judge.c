/* The judge of what a storm of kills has left. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "tests/tools/kills.h"

#include "engine/base/banned.h"

#define LINE_MAX_BYTES 65536
#define FAULTS_TOLD 20

static int fault(int *faults, const char *what, const char *about, long number)
{
    if ((*faults)++ < FAULTS_TOLD)
        (void)printf("%s: '%s' %ld\n", what, about, number);
    return 1;
}

static const char *text_of(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));

    return text ? text : "";
}

static long count_up(json_t *counts, const char *key)
{
    long now = (long)json_integer_value(json_object_get(counts, key)) + 1;

    (void)json_object_set_new(counts, key, json_integer(now));
    return now;
}

/* Calls fn for each event of a file of JSON lines. 1 when it cannot be read. */
static int each_event(const char *path, void (*fn)(const json_t *event, void *arg), void *arg)
{
    FILE *file = fopen(path, "r");
    char *line = malloc(LINE_MAX_BYTES);
    int bad = !file || !line;

    while (!bad && fgets(line, LINE_MAX_BYTES, file)) {
        json_t *event = json_loads(line, 0, NULL);

        bad = !event;
        if (event)
            fn(event, arg);
        json_decref(event);
    }
    if (bad)
        (void)printf("'%s' cannot be read\n", path);
    if (file)
        (void)fclose(file);
    free(line);
    return bad;
}

struct ends {
    json_t *attempts;  /* "stage key attempt" -> ends */
    json_t *successes; /* "stage key" -> ends in success */
    long seq;
    long runs_ended;
    int faults;
};

static void take_end(const json_t *event, void *arg)
{
    struct ends *ends = arg;
    const char *type = text_of(event, "type");
    long seq = (long)json_integer_value(json_object_get(event, "seq"));
    char key[512];

    if (seq != ++ends->seq)
        (void)fault(&ends->faults, "an event is lost or made twice before number", type, seq);
    ends->seq = seq;
    if (strcmp(type, "run-ended") == 0) {
        ends->runs_ended++;
        if (strcmp(text_of(event, "state"), "succeeded") != 0)
            (void)fault(&ends->faults, "the run ended", text_of(event, "state"), seq);
    }
    if (strcmp(type, "attempt-ended") != 0)
        return;
    (void)snprintf(key, sizeof(key), "%s.%s/%lld", text_of(event, "stage"), text_of(event, "key"),
                   (long long)json_integer_value(json_object_get(event, "attempt")));
    if (count_up(ends->attempts, key) > 1)
        (void)fault(&ends->faults, "an attempt ended twice", key, seq);
    *strrchr(key, '/') = '\0';
    if (strcmp(text_of(event, "state"), "succeeded") == 0 && count_up(ends->successes, key) > 1)
        (void)fault(&ends->faults, "a stage has two accepted ends", key, seq);
}

int kills_judge_ends(const char *events, long stages)
{
    struct ends ends = {.attempts = json_object(), .successes = json_object()};

    if (each_event(events, take_end, &ends))
        ends.faults++;
    if ((long)json_object_size(ends.successes) != stages)
        (void)fault(&ends.faults, "stages with an accepted end", "",
                    (long)json_object_size(ends.successes));
    if (ends.runs_ended != 1)
        (void)fault(&ends.faults, "ends of the run", "", ends.runs_ended);
    (void)printf("%ld events, %zu attempts of %zu stages\n", ends.seq,
                 json_object_size(ends.attempts), json_object_size(ends.successes));
    json_decref(ends.attempts);
    json_decref(ends.successes);
    return ends.faults > 0;
}

/* What the bodies wrote. */
struct marks {
    json_t *starts;   /* NAME -> number */
    json_t *last_end; /* NAME -> monotonic time of the last end [ns] */
    json_t *attempts; /* "NAME ATTEMPT" -> starts */
    json_t *failed;   /* NAME -> ends for want of space */
    int faults;
};

static void take_mark(struct marks *marks, char what, const char *name, const char *attempt,
                      long long at_ns)
{
    char key[512];

    (void)snprintf(key, sizeof(key), "%s %s", name, attempt);
    if (what == 'O')
        (void)fault(&marks->faults, "two bodies of a stage at once", key, 0);
    if (what == 'S' && at_ns < json_integer_value(json_object_get(marks->last_end, name)))
        (void)fault(&marks->faults, "a body began before the one before it had ended", key, 0);
    if (what == 'S' && count_up(marks->attempts, key) > 1)
        (void)fault(&marks->faults, "the body of an attempt was started twice", key, 0);
    if (what == 'S')
        (void)count_up(marks->starts, name);
    if (what == 'F')
        (void)count_up(marks->failed, name);
    if (what == 'E')
        (void)json_object_set_new(marks->last_end, name, json_integer(at_ns));
}

static int read_trail(const char *path, struct marks *marks)
{
    FILE *file = fopen(path, "r");
    char what;
    char name[256];
    char attempt[32];
    long long at_ns;

    if (!file) {
        (void)printf("'%s' cannot be read\n", path);
        return 1;
    }
    while (fscanf(file, " %c %255s %31s %lld", &what, name, attempt, &at_ns) == 4)
        take_mark(marks, what, name, attempt, at_ns);
    (void)fclose(file);
    return 0;
}

/* NAME -> kills of its supervisors. */
static json_t *read_kills(const char *path)
{
    json_t *kills = json_object();
    FILE *file = fopen(path, "r");
    char line[512];
    char name[256];

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "K supervisor %255s", name) == 1)
            (void)count_up(kills, name);
    if (file)
        (void)fclose(file);
    return kills;
}

int kills_judge_trail(const char *trail, const char *kills)
{
    struct marks marks = {.starts = json_object(),
                          .last_end = json_object(),
                          .attempts = json_object(),
                          .failed = json_object()};
    json_t *killed = read_kills(kills);
    const char *name;
    json_t *starts;
    long more = 0;

    if (read_trail(trail, &marks))
        marks.faults++;
    json_object_foreach(marks.starts, name, starts)
    {
        long allowed = 1 + (long)json_integer_value(json_object_get(killed, name)) +
                       (long)json_integer_value(json_object_get(marks.failed, name));
        long began = (long)json_integer_value(starts);

        more += began - 1;
        if (began > allowed)
            (void)fault(&marks.faults, "a body was started too often", name, began);
    }
    (void)printf("%zu bodies, %ld more starts for %zu stages whose supervisor was killed\n",
                 json_object_size(marks.starts), more, json_object_size(killed));
    json_decref(killed);
    json_decref(marks.starts);
    json_decref(marks.last_end);
    json_decref(marks.attempts);
    json_decref(marks.failed);
    return marks.faults > 0;
}

struct results {
    json_t *digests; /* "stage.key output lead" -> sha256 */
    const json_t *expected;
    int faults;
};

static void take_output(const json_t *event, void *arg)
{
    struct results *results = arg;
    char key[512];

    if (strcmp(text_of(event, "type"), "output-accepted") != 0)
        return;
    (void)snprintf(key, sizeof(key), "%s.%s %s %s", text_of(event, "stage"), text_of(event, "key"),
                   text_of(event, "output"), text_of(event, "lead"));
    (void)json_object_set(results->digests, key, json_object_get(event, "sha256"));
    if (results->expected && strcmp(text_of(results->expected, key), text_of(event, "sha256")) != 0)
        (void)fault(&results->faults, "an accepted output is not that of the undisturbed run", key,
                    (long)json_integer_value(json_object_get(event, "seq")));
}

int kills_judge_results(const char *events, const char *undisturbed)
{
    struct results calm = {.digests = json_object()};
    struct results storm = {.digests = json_object(), .expected = calm.digests};

    if (each_event(undisturbed, take_output, &calm) || each_event(events, take_output, &storm))
        storm.faults++;
    if (json_object_size(calm.digests) == 0 ||
        json_object_size(calm.digests) != json_object_size(storm.digests))
        (void)fault(&storm.faults, "accepted outputs", "", (long)json_object_size(storm.digests));
    (void)printf("%zu accepted outputs\n", json_object_size(storm.digests));
    json_decref(calm.digests);
    json_decref(storm.digests);
    return storm.faults > 0;
}
