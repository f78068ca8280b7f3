/* Inputs to items. */
#include "config.h"

#include "data-fetch/stage/bring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/world.h"

#include "engine/base/banned.h"

bool fl_bring_name_is_open(const char *name)
{
    return fl_path_is_safe(name) && name[0] != '.' && !strstr(name, "/.");
}

static int join(const char *folder, size_t length, const char *name, char **ret_path,
                struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int used = snprintf(path, sizeof(path), "%.*s%s", (int)length, folder, name);

    if (used < 0 || (size_t)used >= sizeof(path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path of '%.200s' is too long", name);
    *ret_path = strdup(path);
    return *ret_path ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
}

static int prepare(struct fl_bring *bring, size_t at, const char *inputs_path, const char *folder,
                   struct fl_err *reterr)
{
    const struct fl_input *input = &bring->inputs->list[at];
    struct fl_pull_item *item = &bring->items[at];
    char prefix[FL_PATH_MAX];
    int rc;

    if (!fl_bring_name_is_open(input->file))
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "input '%.200s': the file name is hidden or leaves its folder",
                          input->file);
    (void)snprintf(prefix, sizeof(prefix), "%s/", folder);
    rc = join(prefix, strlen(prefix), input->file, &bring->paths[at], reterr);
    if (rc == 0 && !input->url)
        rc = join(inputs_path, (size_t)(fl_path_base(inputs_path) - inputs_path), input->file,
                  &bring->locals[at], reterr);
    if (rc < 0)
        return rc;
    *item = (struct fl_pull_item){.url = input->url,
                                  .local = bring->locals[at],
                                  .site = input->url ? input->site : NULL,
                                  .path = bring->paths[at],
                                  .size = input->has_size ? (int64_t)input->size : -1,
                                  .sha256 = input->sha256[0] ? input->sha256 : NULL,
                                  .arg = &bring->inputs->list[at],
                                  .modified_s = -1};
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Two inputs cannot go to the same name. */
static int refuse_twins(const struct fl_bring *bring, struct fl_err *reterr)
{
    char **order = malloc((bring->count + 1) * sizeof(*order));
    int rc = order ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    for (size_t i = 0; order && i < bring->count; i++)
        order[i] = bring->paths[i];
    if (order && bring->count > 1)
        qsort(order, bring->count, sizeof(*order), by_text);
    for (size_t i = 1; rc == 0 && i < bring->count; i++) {
        if (strcmp(order[i - 1], order[i]) == 0)
            rc = fl_err_set(reterr, FL_E_CONFIG, 0, "two inputs would both become '%s'", order[i]);
    }
    free(order);
    return rc;
}

int fl_bring_read(const struct fl_world *world, const char *path, const char *folder,
                  struct fl_bring *bring, struct fl_err *reterr)
{
    int rc;

    *bring = (struct fl_bring){0};
    rc = fl_inputs_read(world, path, &bring->inputs, reterr);
    if (rc == 0 && !bring->inputs)
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "inputs file '%s' does not exist", path);
    if (rc < 0)
        return rc;
    bring->items = calloc(bring->inputs->count + 1, sizeof(*bring->items));
    bring->paths = calloc(bring->inputs->count + 1, sizeof(*bring->paths));
    bring->locals = calloc(bring->inputs->count + 1, sizeof(*bring->locals));
    if (!bring->items || !bring->paths || !bring->locals)
        rc =
            fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for %zu inputs", bring->inputs->count);
    else
        bring->count = bring->inputs->count;
    for (size_t i = 0; rc == 0 && i < bring->count; i++)
        rc = prepare(bring, i, path, folder, reterr);
    if (rc == 0)
        rc = refuse_twins(bring, reterr);
    if (rc < 0)
        fl_bring_release(bring);
    return rc;
}

struct fl_pull_options fl_bring_options(const struct fl_bring *bring, const struct fl_site *site)
{
    return (struct fl_pull_options){
        .site = site, .grants = bring->inputs->grants, .grant_count = bring->inputs->grant_count};
}

void fl_bring_release(struct fl_bring *bring)
{
    for (size_t i = 0; i < bring->count; i++) {
        free(bring->paths[i]);
        free(bring->locals[i]);
    }
    free(bring->items);
    free(bring->paths);
    free(bring->locals);
    fl_inputs_destroy(bring->inputs);
    *bring = (struct fl_bring){0};
}
