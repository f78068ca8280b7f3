/* The record of a whole file: what was asked and what came, in a hidden folder beside it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/pull/job.h"
#include "engine/base/json.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define RECORD_FOLDER ".fetched"
#define RECORD_MAX ((size_t)256 * 1024)

static int record_path(const struct fl_fetch_options *options, const struct fl_fetch_want *want,
                       char *path, size_t size, struct fl_err *reterr)
{
    if (snprintf(path, size, "%s/" RECORD_FOLDER "/%s.json", options->folder, want->name) >=
        (int)size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path of '%s' is too long", want->name);
    return 0;
}

/* The request and the file as one document. NULL when memory ends. */
static json_t *record_make(const struct fl_fetch_options *options, const struct fl_fetch_want *want,
                           const char *sha256, uint64_t size)
{
    char cycle[FL_TIME_TEXT_MAX];
    char lead[FL_TIME_TEXT_MAX];
    json_t *request = fl_ask_json(options->ask);

    fl_cycle_format(want->cycle, cycle);
    fl_lead_format(want->source_lead, lead);
    return json_pack("{si ss ss ss so ss sI}", "version", 2, "source", options->source->name,
                     "cycle", cycle, "lead", lead, "request", request, "sha256", sha256, "size",
                     (json_int_t)size);
}

int fl_job_record(const struct fl_world *world, const struct fl_fetch_options *options,
                  const struct fl_fetch_want *want, const char *sha256, uint64_t size,
                  struct fl_err *reterr)
{
    fl_json_auto json_t *record = record_make(options, want, sha256, size);
    char folder[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    char *text = record ? fl_json_text(record) : NULL;
    int rc = text ? record_path(options, want, path, sizeof(path), reterr)
                  : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0) {
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(fl_path_base(path) - path - 1), path);
        rc = fl_dir_make(world, folder, 0755, reterr);
    }
    if (rc == 0)
        rc = fl_file_publish(world, path, text, strlen(text), reterr);
    free(text);
    return rc;
}

bool fl_job_is_whole(const struct fl_world *world, const struct fl_fetch_options *options,
                     const struct fl_fetch_want *want, uint64_t *ret_size)
{
    fl_json_auto json_t *found = NULL;
    fl_json_auto json_t *wanted = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    char hex[FL_DIGEST_HEX];
    char path[FL_PATH_MAX];

    fl_buf_init(&text, 0);
    if (record_path(options, want, path, sizeof(path), NULL) < 0 || !fl_file_exists(world, path) ||
        fl_file_read(world, path, RECORD_MAX, &text, NULL) < 0 ||
        fl_json_parse(text.data, text.size, &found, NULL) < 0)
        return false;
    (void)snprintf(path, sizeof(path), "%s/%s", options->folder, want->name);
    if (!fl_file_exists(world, path) || fl_file_digest(world, path, hex, ret_size, NULL) < 0)
        return false;
    wanted = record_make(options, want, hex, *ret_size);
    return wanted && json_equal(found, wanted);
}
