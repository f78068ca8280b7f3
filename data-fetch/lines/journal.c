/* Journals of landings. */
#include "config.h"

#include "data-fetch/lines/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

#define FIRST_LINE "fairlead journal 1"
#define BOOT_PATH "/proc/sys/kernel/random/boot_id"
#define BOOT_MAX 64

/* Which start of the machine this is; "" when that cannot be told. */
static void read_boot(const struct fl_world *world, char *boot)
{
    char text[BOOT_MAX] = "";
    int fd = world->ops->open(BOOT_PATH, 0, 0, world->arg);
    ssize_t n = fd >= 0 ? world->ops->pread(fd, text, sizeof(text) - 1, 0, world->arg) : -1;

    if (fd >= 0)
        (void)world->ops->close(fd, world->arg); /* only read */
    (void)snprintf(boot, BOOT_MAX, "%.*s", n > 0 ? (int)strcspn(text, "\n") : 0, text);
}

static int append(const struct fl_world *world, int fd, const char *path, const struct fl_buf *text,
                  struct fl_err *reterr)
{
    size_t done = 0;
    int rc = fl_buf_check(text, reterr);

    while (rc == 0 && done < text->size) {
        ssize_t n = world->ops->pwrite(fd, text->data + done, text->size - done, -1, world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            rc = fl_err_errno(reterr, (int)-n, "write '%s'", path);
        else
            done += (size_t)n;
    }
    return rc;
}

int fl_journal_begin(const struct fl_world *world, int fd, const char *path,
                     const struct fl_landing_of *of, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char boot[BOOT_MAX];
    int rc = world->ops->truncate(fd, 0, world->arg);

    fl_buf_init(&text, 0);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "empty '%s'", path);
    read_boot(world, boot);
    fl_buf_printf(&text, FIRST_LINE "\nurl %s\nsha256 %s\nsize %" PRId64 "\netag %s\nboot %s\n",
                  of->url ? of->url : "", of->sha256 ? of->sha256 : "", of->size, of->etag, boot);
    return append(world, fd, path, &text, reterr);
}

int fl_journal_add(const struct fl_world *world, int fd, const char *path,
                   const struct fl_part *parts, size_t count, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    for (size_t i = 0; i < count; i++)
        fl_buf_printf(&text, "%" PRId64 " %" PRId64 "\n", parts[i].first, parts[i].end);
    return append(world, fd, path, &text, reterr);
}

/* The rest of the next line when it begins with word and a space; NULL else. */
static const char *next_field(char **at, const char *word)
{
    size_t length = strlen(word);
    char *line = *at;
    char *end = line ? strchr(line, '\n') : NULL;

    if (!end || strncmp(line, word, length) != 0 || line[length] != ' ')
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line + length + 1;
}

/* A number without sign from text on; NULL when there is none. */
static const char *number(const char *text, int64_t *ret_value)
{
    char *end = NULL;

    if (*text < '0' || *text > '9')
        return NULL;
    errno = 0;
    *ret_value = strtoll(text, &end, 10);
    return errno == 0 ? end : NULL;
}

static bool is_same(const char *url, const char *sha256, int64_t size, const char *etag,
                    bool this_boot, const struct fl_landing_of *of)
{
    if (of->size >= 0 && size != of->size)
        return false;
    if (of->sha256)
        return strcmp(sha256, of->sha256) == 0;
    /* nothing will prove the bytes in the end, so that the server must say that they are the same
     */
    return this_boot && size >= 0 && etag[0] == '"' && of->url && strcmp(url, of->url) == 0;
}

bool fl_journal_parse(char *text, size_t size, const char *boot, const struct fl_landing_of *of,
                      struct fl_journal_head *ret_head, fl_journal_fn fn, void *arg)
{
    char *at =
        strncmp(text, FIRST_LINE "\n", sizeof(FIRST_LINE)) == 0 ? text + sizeof(FIRST_LINE) : NULL;
    const char *url = next_field(&at, "url");
    const char *sha256 = url ? next_field(&at, "sha256") : NULL;
    const char *size_text = sha256 ? next_field(&at, "size") : NULL;
    const char *etag = size_text ? next_field(&at, "etag") : NULL;
    const char *its_boot = etag ? next_field(&at, "boot") : NULL;
    int64_t whole = -1;

    if (!its_boot || strlen(text) > size || strlen(etag) >= sizeof(ret_head->etag))
        return false;
    if (strcmp(size_text, "-1") != 0) {
        const char *end = number(size_text, &whole);

        if (!end || *end)
            return false;
    }
    if (!is_same(url, sha256, whole, etag, boot[0] && strcmp(its_boot, boot) == 0, of))
        return false;
    ret_head->size = whole;
    (void)snprintf(ret_head->etag, sizeof(ret_head->etag), "%s", etag);
    for (char *end; (end = strchr(at, '\n')); at = end + 1) {
        int64_t first = -1;
        int64_t until = -1;
        const char *next = number(at, &first);

        next = next && *next == ' ' ? number(next + 1, &until) : NULL;
        if (next != end || first >= until)
            return false;
        if (fn(first, until, arg) < 0)
            return false;
    }
    return true;
}

int fl_journal_read(const struct fl_world *world, const char *path, const struct fl_landing_of *of,
                    struct fl_journal_head *ret_head, bool *ret_same, fl_journal_fn fn, void *arg,
                    struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char boot[BOOT_MAX];
    int rc;

    *ret_same = false;
    fl_buf_init(&text, 0);
    rc = fl_file_read(world, path, FL_JOURNAL_BYTES_MAX, &text, reterr);
    if (rc == FL_E_TOO_BIG || rc == FL_E_NOENT)
        return 0;
    if (rc < 0)
        return rc;
    read_boot(world, boot);
    *ret_same = text.size > 0 && strlen(text.data) == text.size &&
                fl_journal_parse(text.data, text.size, boot, of, ret_head, fn, arg);
    return 0;
}
