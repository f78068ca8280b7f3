/* Bounded logs, and words in them. */
#include "config.h"

#include "engine/worker/bodylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

int fl_words_init(struct fl_words *words, const char *has, const json_t *forbid,
                  struct fl_err *reterr)
{
    size_t longest = has ? strlen(has) : 0;

    memset(words, 0, sizeof(*words));
    words->has = has;
    words->forbid = forbid;
    for (size_t i = 0; i < (forbid ? json_array_size(forbid) : 0); i++) {
        const char *word = json_string_value(json_array_get(forbid, i));

        if (word && strlen(word) > longest)
            longest = strlen(word);
    }
    words->kept_max = longest > 0 ? longest - 1 : 0;
    words->kept = malloc(words->kept_max + 1);
    if (!words->kept)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "log words: out of memory");
    return 0;
}

void fl_words_release(struct fl_words *words)
{
    free(words->kept);
    memset(words, 0, sizeof(*words));
}

static void look_in(struct fl_words *words, const char *data, size_t size)
{
    if (words->has && !words->found)
        words->found = memmem(data, size, words->has, strlen(words->has)) != NULL;
    for (size_t i = 0;
         !words->forbidden && i < (words->forbid ? json_array_size(words->forbid) : 0); i++) {
        const char *word = json_string_value(json_array_get(words->forbid, i));

        if (word && word[0] && memmem(data, size, word, strlen(word)))
            words->forbidden = word;
    }
}

int fl_words_look(struct fl_words *words, const char *data, size_t size, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf seam = {0};
    size_t whole;

    look_in(words, data, size);
    if (words->kept_max == 0)
        return 0;
    fl_buf_init(&seam, 0);
    fl_buf_add(&seam, words->kept, words->kept_size);
    fl_buf_add(&seam, data, size < words->kept_max ? size : words->kept_max);
    if (fl_buf_check(&seam, reterr) < 0)
        return FL_E_TOO_BIG;
    look_in(words, seam.data, seam.size);
    if (size >= words->kept_max) {
        memcpy(words->kept, data + size - words->kept_max, words->kept_max);
        words->kept_size = words->kept_max;
        return 0;
    }
    whole = seam.size < words->kept_max ? seam.size : words->kept_max; /* seam is kept and data */
    memcpy(words->kept, seam.data + seam.size - whole, whole);
    words->kept_size = whole;
    return 0;
}

static int part_name(const struct fl_bodylog *log, const char *suffix, char path[FL_PATH_MAX],
                     struct fl_err *reterr)
{
    int used = snprintf(path, FL_PATH_MAX, "%s%s", log->path, suffix);

    if (used < 0 || used >= FL_PATH_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", log->path);
    return 0;
}

static void log_shut(struct fl_bodylog *log)
{
    if (log->fd >= 0)
        (void)log->world->ops->close(log->fd, log->world->arg); /* a log is not synced */
    log->fd = -1;
}

static int log_create(const struct fl_bodylog *log, const char *path)
{
    return log->world->ops->open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644,
                                 log->world->arg);
}

static int make_folder_of(const struct fl_bodylog *log, const char *path)
{
    char folder[FL_PATH_MAX];
    size_t length = (size_t)(fl_path_base(path) - path);

    if (length < 2 || length >= sizeof(folder))
        return FL_E_NOENT;
    memcpy(folder, path, length - 1);
    folder[length - 1] = '\0';
    return fl_dir_make(log->world, folder, 0755, NULL);
}

static int log_start(struct fl_bodylog *log, const char *suffix, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = part_name(log, suffix, path, reterr);

    if (rc < 0)
        return rc;
    log_shut(log);
    log->fd = log_create(log, path);
    if (log->fd == -ENOENT && make_folder_of(log, path) == 0)
        log->fd = log_create(log, path);
    if (log->fd < 0) {
        rc = fl_err_errno(reterr, -log->fd, "open '%s'", path);
        log->fd = -1;
    }
    return rc;
}

int fl_bodylog_open(struct fl_bodylog *log, const struct fl_world *world, const char *path,
                    int64_t limit, struct fl_err *reterr)
{
    memset(log, 0, sizeof(*log));
    log->world = world;
    log->limit = limit;
    log->fd = -1;
    if (snprintf(log->path, sizeof(log->path), "%s", path) >= (int)sizeof(log->path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", path);
    return 0;
}

/* FILE.part is full: it becomes FILE.older and a new one begins. */
static int log_turn(struct fl_bodylog *log, struct fl_err *reterr)
{
    char part[FL_PATH_MAX];
    char older[FL_PATH_MAX];
    int rc = part_name(log, ".part", part, reterr);

    if (rc == 0)
        rc = part_name(log, ".older", older, reterr);
    if (rc < 0)
        return rc;
    if (log->part > 0) {
        rc = log->world->ops->rename(part, older, log->world->arg);
        if (rc < 0)
            return fl_err_errno(reterr, -rc, "rename '%s'", part);
        log->older = log->part;
        log->part = 0;
    }
    return log_start(log, ".part", reterr);
}

int fl_bodylog_write(struct fl_bodylog *log, const char *data, size_t size, struct fl_err *reterr)
{
    while (size > 0) {
        bool in_head = log->head < log->limit / 2;
        int64_t room = in_head ? log->limit / 2 - log->head : log->limit / 4 - log->part;
        size_t now = room > 0 && (int64_t)size > room ? (size_t)room : size;
        ssize_t n;
        int rc;

        if (!in_head && (room <= 0 || (log->part == 0 && log->older == 0))) {
            rc = log_turn(log, reterr);
            if (rc < 0)
                return rc;
            room = log->limit / 4;
            now = (int64_t)size > room ? (size_t)room : size;
        }
        if (log->fd < 0) {
            rc = log_start(log, "", reterr);
            if (rc < 0)
                return rc;
        }
        n = log->world->ops->pwrite(log->fd, data, now, -1, log->world->arg);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return fl_err_errno(reterr, n == -EFBIG ? ENOSPC : (int)-n, "write '%s'", log->path);
        if (in_head)
            log->head += n;
        else
            log->part += n;
        log->total += n;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Appends FILEsuffix to FILE and removes it. */
static int log_join(struct fl_bodylog *log, const char *suffix, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    fl_auto(fl_buf_release) struct fl_buf data;
    int rc = part_name(log, suffix, path, reterr);

    fl_buf_init(&data, (size_t)log->limit);
    if (rc == 0)
        rc = fl_file_read(log->world, path, (size_t)log->limit, &data, reterr);
    if (rc == 0)
        rc = fl_file_append(log->world, log->path, data.data, data.size, false, reterr);
    if (rc == 0)
        rc = fl_file_remove(log->world, path, reterr);
    return rc;
}

int fl_bodylog_close(struct fl_bodylog *log, struct fl_err *reterr)
{
    int64_t missing = log->total - log->head - log->part - log->older;
    char line[128];
    int rc = 0;

    log_shut(log);
    if (missing > 0) {
        int used = snprintf(line, sizeof(line), "\n[fairlead: %lld bytes left out here]\n",
                            (long long)missing);

        rc = fl_file_append(log->world, log->path, line, (size_t)used, false, reterr);
    }
    if (rc == 0 && log->older > 0)
        rc = log_join(log, ".older", reterr);
    if (rc == 0 && log->part > 0)
        rc = log_join(log, ".part", reterr);
    return rc;
}
