/* The journal of a lead on its way in. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/pull/partial_impl.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define HEAD "fairlead-partial 1 "
#define BOOT_ID "/proc/sys/kernel/random/boot_id" /* random(4) */
#define BOOT_MAX ((size_t)64)
#define LINE_MAX_BYTES 512

static int log_add(struct fl_partial *partial, const struct fl_buf *text, struct fl_err *reterr)
{
    int rc = fl_buf_check(text, reterr);

    if (rc == 0 && partial->log_size + text->size > FL_PARTIAL_LOG_MAX)
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "the journal '%s' is full", partial->log);
    if (rc == 0)
        rc = fl_partial_put(partial->world, partial->log_fd, partial->log, partial->log_size,
                            text->data, text->size, reterr);
    if (rc == 0)
        partial->log_size += text->size;
    return rc;
}

int fl_partial_log_plan(struct fl_partial *partial, size_t at, uint64_t base, struct fl_err *reterr)
{
    const struct fl_partial_file *file = &partial->files[at];
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, FL_PARTIAL_LOG_MAX);
    fl_buf_printf(&text, "I %zu %s %zu %" PRIu64 "\n", at, file->identity, file->count, base);
    for (size_t i = 0; i < file->count; i++)
        fl_buf_printf(&text, "S %zu %zu %" PRIu64 "\n", at, i, file->pieces[i].room);
    return log_add(partial, &text, reterr);
}

int fl_partial_log_validator(struct fl_partial *partial, size_t at, struct fl_err *reterr)
{
    const struct fl_partial_file *file = &partial->files[at];
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    fl_buf_printf(&text, "E %zu %" PRId64 " %s\n", at, file->total, file->etag);
    return log_add(partial, &text, reterr);
}

int fl_partial_log_forget(struct fl_partial *partial, size_t at, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    fl_buf_printf(&text, "F %zu\n", at);
    return log_add(partial, &text, reterr);
}

int fl_partial_log_piece(struct fl_partial *partial, size_t at, size_t number,
                         struct fl_err *reterr)
{
    const struct fl_partial_piece *piece = &partial->files[at].pieces[number];
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    fl_buf_printf(&text, "M %zu %zu %" PRIu64 " %" PRIu64 "\n", at, number, piece->at, piece->size);
    return log_add(partial, &text, reterr);
}

/* ---- reading it ---- */

static void raise_tail(struct fl_partial *partial, uint64_t end)
{
    partial->tail = end > partial->tail ? end : partial->tail;
}

static bool read_plan(struct fl_partial *partial, const char *line)
{
    char identity[FL_DIGEST_HEX];
    uint64_t base = 0;
    size_t at = 0;
    size_t count = 0;
    struct fl_partial_file *file;

    if (sscanf(line, "I %zu %64s %zu %" SCNu64, &at, identity, &count, &base) != 4 ||
        at >= partial->count || count > FL_PARTIAL_LOG_MAX / 4)
        return false;
    file = &partial->files[at];
    free(file->pieces);
    *file = (struct fl_partial_file){.total = -1, .count = count, .missing = count};
    file->pieces = calloc(count ? count : 1, sizeof(*file->pieces));
    if (!file->pieces) {
        file->count = 0;
        return false;
    }
    (void)snprintf(file->identity, sizeof(file->identity), "%s", identity);
    if (partial->count == 1)
        partial->tail = 0;
    raise_tail(partial, base);
    return true;
}

static bool read_room(struct fl_partial *partial, const char *line)
{
    size_t at = 0;
    size_t number = 0;
    uint64_t room = 0;
    struct fl_partial_piece *piece;

    if (sscanf(line, "S %zu %zu %" SCNu64, &at, &number, &room) != 3 || at >= partial->count ||
        number >= partial->files[at].count)
        return false;
    piece = &partial->files[at].pieces[number];
    piece->room = room;
    piece->placed = room > 0;
    piece->at = partial->tail;
    partial->tail += room;
    return true;
}

static bool read_validator(struct fl_partial *partial, const char *line)
{
    struct fl_partial_file *file;
    int64_t total = -1;
    size_t at = 0;
    int used = 0;

    if (sscanf(line, "E %zu %" SCNd64 " %n", &at, &total, &used) != 2 || used == 0 ||
        at >= partial->count)
        return false;
    file = &partial->files[at];
    file->total = total;
    (void)snprintf(file->etag, sizeof(file->etag), "%s", line + used);
    return true;
}

static bool read_piece(struct fl_partial *partial, const char *line)
{
    struct fl_partial_piece *piece;
    uint64_t place = 0;
    uint64_t size = 0;
    size_t at = 0;
    size_t number = 0;

    if (sscanf(line, "M %zu %zu %" SCNu64 " %" SCNu64, &at, &number, &place, &size) != 4 ||
        at >= partial->count || number >= partial->files[at].count ||
        partial->files[at].pieces[number].here)
        return false;
    piece = &partial->files[at].pieces[number];
    if (size > 0 && piece->at != place)
        piece->room = 0;
    piece->at = place;
    piece->size = size;
    piece->placed = size > 0;
    piece->here = true;
    partial->files[at].missing--;
    raise_tail(partial, place + size);
    return true;
}

static bool read_line(struct fl_partial *partial, const char *line)
{
    size_t at = 0;

    switch (line[0]) {
    case 'I':
        return read_plan(partial, line);
    case 'S':
        return read_room(partial, line);
    case 'E':
        return read_validator(partial, line);
    case 'M':
        return read_piece(partial, line);
    case 'F':
        if (sscanf(line, "F %zu", &at) != 1 || at >= partial->count)
            return false;
        free(partial->files[at].pieces);
        partial->files[at] = (struct fl_partial_file){.total = -1};
        return true;
    default:
        return false;
    }
}

static void forget_all(struct fl_partial *partial)
{
    for (size_t i = 0; i < partial->count; i++) {
        free(partial->files[i].pieces);
        partial->files[i] = (struct fl_partial_file){.total = -1};
    }
    partial->tail = 0;
    partial->log_size = 0;
}

/* Every line that is whole. False: the journal does not count. */
static bool read_lines(struct fl_partial *partial, char *text, const char *head)
{
    size_t size = strlen(head);
    struct fl_stat info;

    if (strncmp(text, head, size) != 0 || text[size] != '\n')
        return false;
    for (char *line = text + size + 1, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        if (!read_line(partial, line))
            return false;
        partial->log_size = (uint64_t)(end + 1 - text);
    }
    if (fl_file_stat(partial->world, partial->temp, &info, NULL) < 0)
        return false;
    for (size_t i = 0; i < partial->count; i++) {
        for (size_t k = 0; k < partial->files[i].count; k++) {
            const struct fl_partial_piece *piece = &partial->files[i].pieces[k];

            if (piece->here && piece->at + piece->size > info.size_bytes)
                return false;
        }
    }
    return true;
}

int fl_partial_recall(struct fl_partial *partial, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_auto(fl_buf_release) struct fl_buf boot;
    char head[LINE_MAX_BYTES];
    int rc;

    fl_buf_init(&text, FL_PARTIAL_LOG_MAX);
    fl_buf_init(&boot, BOOT_MAX);
    (void)fl_file_read(partial->world, BOOT_ID, BOOT_MAX, &boot, NULL); /* "" fits "" alone */
    (void)snprintf(head, sizeof(head), HEAD "%.*s %zu", (int)strcspn(boot.data, "\n"), boot.data,
                   partial->count);
    rc = fl_file_read(partial->world, partial->log, FL_PARTIAL_LOG_MAX, &text, reterr);
    if (rc < 0 && rc != FL_E_TOO_BIG)
        return rc;
    if (rc == 0 && text.size > 0) {
        partial->log_size = strlen(head) + 1;
        if (read_lines(partial, text.data, head))
            return 0;
    }
    forget_all(partial);
    rc = partial->world->ops->truncate(partial->log_fd, 0, partial->world->arg);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "truncate '%s'", partial->log);
    fl_buf_clear(&text);
    fl_buf_printf(&text, "%s\n", head);
    return log_add(partial, &text, reterr);
}
