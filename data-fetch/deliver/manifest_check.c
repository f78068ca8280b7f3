/* Holding a folder against its MANIFEST. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/deliver/manifest.h"
#include "engine/base/sign.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define HEX_DIGITS (FL_DIGEST_HEX - 1)
#define PIECE_BYTES ((size_t)64 * 1024)

struct checking {
    const struct fl_world *world;
    const char *folder;
    bool look;
    const struct fl_signer *key;
    fl_manifest_fn fn;
    void *arg;
    struct fl_manifest_result *result;
    struct fl_digest *lines; /* NULL after the signature */
    char path[FL_PATH_MAX];
    char set[FL_PATH_MAX];
    size_t number;
    struct fl_err *reterr;
};

/* "HEX  FILE" in place; false when the line is something else. */
static bool split_line(char *line, const char **ret_hex, const char **ret_file)
{
    if (strspn(line, "0123456789abcdef") != HEX_DIGITS || line[HEX_DIGITS] != ' ' ||
        (line[HEX_DIGITS + 1] != ' ' && line[HEX_DIGITS + 1] != '*'))
        return false;
    line[HEX_DIGITS] = '\0';
    *ret_hex = line;
    *ret_file = line + HEX_DIGITS + 2;
    return fl_path_is_safe(*ret_file);
}

static void check_file(const struct checking *c, const char *file, const char *hex, char *wrong,
                       size_t size)
{
    char found[FL_DIGEST_HEX];
    char path[FL_PATH_MAX];
    struct fl_err err = {0};

    if (fl_path_join(c->folder, file, path, sizeof(path), &err) < 0 ||
        fl_file_digest(c->world, path, found, NULL, &err) < 0)
        (void)snprintf(wrong, size, "%s", err.text);
    else if (strcmp(found, hex) != 0)
        (void)snprintf(wrong, size, "SHA-256 is %s, the MANIFEST says %s", found, hex);
}

/* "# signed SITE HEX SIGNATURE" */
static void check_signature(struct checking *c, char *text)
{
    char *hex = strchr(text, ' ');
    char *signature = hex ? strchr(hex + 1, ' ') : NULL;
    char found[FL_DIGEST_HEX];
    char said[FL_PATH_MAX + 256];
    int used;

    c->result->signature = FL_SIGNATURE_BAD;
    if (!signature || !c->lines)
        return;
    *hex++ = '\0';
    *signature++ = '\0';
    (void)snprintf(c->result->site, sizeof(c->result->site), "%.63s", text);
    fl_digest_finish(c->lines, found);
    fl_digest_destroy(c->lines);
    c->lines = NULL;
    used = snprintf(said, sizeof(said), "fairlead manifest\n%s\n%s\n%s\n", text, c->set, hex);
    if (strcmp(found, hex) != 0 || used < 0 || (size_t)used >= sizeof(said))
        return; /* changed since, whoever has signed it */
    if (!c->key || !c->key->key)
        c->result->signature = FL_SIGNATURE_UNKNOWN;
    else if (fl_sign_verify(c->key->key, said, (size_t)used, signature))
        c->result->signature = FL_SIGNATURE_GOOD;
}

static void take_comment(struct checking *c, char *line)
{
    static const char json[] = "# " FL_MANIFEST_JSON " ";
    static const char sign[] = "# signed ";
    char found[FL_DIGEST_HEX];
    char path[FL_PATH_MAX];
    char *colon;

    if (c->number == 1 && (colon = strstr(line, ": verify with")) != NULL) {
        *colon = '\0';
        (void)snprintf(c->set, sizeof(c->set), "%s", line + 2);
    } else if (strncmp(line, json, sizeof(json) - 1) == 0) {
        if (fl_path_join(c->folder, FL_MANIFEST_JSON, path, sizeof(path), NULL) < 0 ||
            fl_file_digest(c->world, path, found, NULL, NULL) < 0 ||
            strcmp(found, line + sizeof(json) - 1) != 0)
            c->result->json_differs = true;
    } else if (strncmp(line, sign, sizeof(sign) - 1) == 0) {
        check_signature(c, line + sizeof(sign) - 1);
    }
}

static int take_line(struct checking *c, char *line)
{
    const char *hex = NULL;
    const char *file = NULL;
    char wrong[FL_ERR_TEXT_MAX] = "";
    bool is_signature = strncmp(line, "# signed ", 9) == 0;

    c->number++;
    if (c->lines && !is_signature) {
        fl_digest_add(c->lines, line, strlen(line));
        fl_digest_add(c->lines, "\n", 1);
    } else if (!is_signature && line[0]) {
        c->result->signature = FL_SIGNATURE_BAD; /* added below the signature */
    }
    if (line[0] == '#') {
        take_comment(c, line);
        return 0;
    }
    if (!line[0])
        return 0;
    if (!split_line(line, &hex, &file))
        return fl_err_set(c->reterr, FL_E_PARSE, 0, "%s:%zu: not 'SHA256  FILE': '%.100s'", c->path,
                          c->number, line);
    c->result->files++;
    if (!c->look)
        check_file(c, file, hex, wrong, sizeof(wrong));
    c->result->wrong += wrong[0] != '\0';
    return c->fn(file, hex, wrong[0] ? wrong : NULL, c->arg);
}

/* Whole lines of what has been read; the rest moves to the front. */
static int take_lines(struct checking *c, char *piece, size_t *size)
{
    char *at = piece;
    char *line_end;
    int rc = 0;

    while (rc == 0 && (line_end = memchr(at, '\n', *size - (size_t)(at - piece))) != NULL) {
        *line_end = '\0';
        rc = take_line(c, at);
        at = line_end + 1;
    }
    *size -= (size_t)(at - piece);
    memmove(piece, at, *size);
    if (rc == 0 && *size >= PIECE_BYTES)
        rc = fl_err_set(c->reterr, FL_E_PARSE, 0, "%s:%zu: a line of more than %zu bytes", c->path,
                        c->number + 1, PIECE_BYTES);
    return rc;
}

static int read_all(struct checking *c, int fd, char *piece)
{
    int64_t offset = 0;
    size_t size = 0;
    int rc = 0;

    for (ssize_t n = 1; rc == 0 && n > 0; offset += n) {
        n = c->world->ops->pread(fd, piece + size, PIECE_BYTES - size, offset, c->world->arg);
        if (n < 0)
            return fl_err_errno(c->reterr, (int)-n, "read '%s'", c->path);
        size += (size_t)n;
        rc = take_lines(c, piece, &size);
    }
    if (rc == 0 && size > 0) { /* a last line without an end */
        piece[size] = '\0';
        rc = take_line(c, piece);
    }
    return rc;
}

int fl_manifest_check(const struct fl_world *world, const char *folder, bool look,
                      const struct fl_signer *key, fl_manifest_fn fn, void *arg,
                      struct fl_manifest_result *ret_result, struct fl_err *reterr)
{
    struct checking c = {.world = world,
                         .folder = folder,
                         .look = look,
                         .key = key,
                         .fn = fn,
                         .arg = arg,
                         .result = ret_result,
                         .reterr = reterr};
    char *piece = malloc(PIECE_BYTES + 1);
    int rc = fl_path_join(folder, FL_MANIFEST, c.path, sizeof(c.path), reterr);
    int fd = -1;

    *ret_result = (struct fl_manifest_result){0};
    if (rc == 0)
        rc = piece ? fl_digest_create(&c.lines, reterr)
                   : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0) {
        fd = world->ops->open(c.path, O_RDONLY, 0, world->arg);
        rc = fd == -ENOENT ? fl_err_set(reterr, FL_E_NOENT, 0, "'%s' has no " FL_MANIFEST, folder)
             : fd < 0      ? fl_err_errno(reterr, -fd, "open '%s'", c.path)
                           : 0;
    }
    if (rc == 0)
        rc = read_all(&c, fd, piece);
    if (fd >= 0)
        (void)world->ops->close(fd, world->arg); /* only read */
    fl_digest_destroy(c.lines);
    free(piece);
    return rc;
}
