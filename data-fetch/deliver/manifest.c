/* MANIFEST and MANIFEST.json, written line by line. */
#include "config.h"

#include "data-fetch/deliver/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/pull/incoming.h"
#include "engine/base/json.h"
#include "engine/base/sign.h"
#include "engine/world/certificate.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define KEY_MAX ((size_t)4096)

/* ---- keys ---- */

static int key_read(const struct fl_world *world, const char *path, bool secret,
                    struct fl_signer *signer, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_stat info;
    int rc;

    fl_buf_init(&text, KEY_MAX);
    rc = fl_file_stat(world, path, &info, reterr);
    if (rc == 0 && secret && (info.mode & 077))
        rc = fl_err_set(reterr, FL_E_PERM, 0,
                        "key '%s' can be read by others (mode %04o); accepted: 0600", path,
                        (unsigned)info.mode);
    if (rc == 0)
        rc = fl_file_read(world, path, KEY_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_sign_key_read(text.data, text.size, secret, &signer->key, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "'%s'", path) : 0;
}

int fl_signer_public(const struct fl_world *world, const char *path, struct fl_signer *signer,
                     struct fl_err *reterr)
{
    return key_read(world, path, false, signer, reterr);
}

static int make_pair(const struct fl_world *world, const char *key, const char *pub,
                     struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf secret;
    fl_auto(fl_buf_release) struct fl_buf public;
    int rc;

    fl_buf_init(&secret, KEY_MAX);
    fl_buf_init(&public, KEY_MAX);
    rc = fl_certificate_make_pair(&secret, &public, reterr);
    if (rc == 0) /* first, so that a key is never without its other half */
        rc = fl_file_publish(world, pub, public.data, public.size, reterr);
    if (rc == 0)
        rc = fl_file_publish_mode(world, key, secret.data, secret.size, 0600, reterr);
    return rc;
}

int fl_signer_open(const struct fl_world *world, const char *keys, const char *site,
                   struct fl_signer *signer, struct fl_err *reterr)
{
    char key[FL_PATH_MAX];
    char pub[FL_PATH_MAX];
    char lock[FL_PATH_MAX];
    int fd = -1;
    int rc = fl_path_join(keys, FL_MANIFEST_KEY, key, sizeof(key), reterr);

    *signer = (struct fl_signer){.key = NULL};
    (void)snprintf(signer->site, sizeof(signer->site), "%.63s", site);
    if (rc == 0)
        rc = fl_path_join(keys, FL_MANIFEST_PUB, pub, sizeof(pub), reterr);
    if (rc == 0 && !fl_file_exists(world, key)) {
        rc = fl_path_join(keys, ".manifest.lock", lock, sizeof(lock), reterr);
        if (rc == 0)
            rc = fl_lock_wait(world, lock, &fd, reterr);
        if (rc == 0 && !fl_file_exists(world, key)) /* nobody made it meanwhile */
            rc = make_pair(world, key, pub, reterr);
        if (fd >= 0)
            fl_lock_release(world, fd);
    }
    return rc < 0 ? rc : key_read(world, key, true, signer, reterr);
}

void fl_signer_release(struct fl_signer *signer)
{
    fl_sign_key_destroy(signer->key);
    signer->key = NULL;
}

static size_t signed_text(const char *site, const char *set, const char *hex, char *text,
                          size_t size)
{
    int used = snprintf(text, size, "fairlead manifest\n%s\n%s\n%s\n", site, set, hex);

    return used < 0 || (size_t)used >= size ? 0 : (size_t)used;
}

/* ---- writing ---- */

/* One of the two files on its way. */
struct writing {
    struct fl_incoming incoming;
    struct fl_buf text; /* not handed over yet */
    struct fl_digest *lines;
    bool first;
    struct fl_err *reterr;
};

#define PIECE_BYTES ((size_t)64 * 1024)

static int flush(struct writing *w)
{
    int rc = fl_buf_check(&w->text, w->reterr);

    if (rc == 0 && w->text.size > 0) {
        if (w->lines)
            fl_digest_add(w->lines, w->text.data, w->text.size);
        rc = fl_incoming_add(&w->incoming, w->text.data, w->text.size, w->reterr);
    }
    fl_buf_clear(&w->text);
    return rc;
}

static int after_line(struct writing *w)
{
    return w->text.size >= PIECE_BYTES ? flush(w) : 0;
}

static int begin(struct writing *w, const struct fl_world *world, const char *folder,
                 const char *name, bool lines, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = fl_path_join(folder, name, path, sizeof(path), reterr);

    *w = (struct writing){.incoming = {.fd = -1}, .first = true, .reterr = reterr};
    fl_buf_init(&w->text, 0);
    if (rc == 0 && lines)
        rc = fl_digest_create(&w->lines, reterr);
    return rc < 0 ? rc : fl_incoming_open(&w->incoming, world, path, reterr);
}

static int end(struct writing *w, int rc, char hex[static FL_DIGEST_HEX])
{
    if (rc == 0)
        rc = flush(w);
    if (rc == 0)
        rc = fl_incoming_finish(&w->incoming, hex, w->reterr);
    if (rc == 0)
        rc = fl_incoming_settle(&w->incoming, w->reterr);
    fl_incoming_drop(&w->incoming);
    fl_buf_release(&w->text);
    fl_digest_destroy(w->lines);
    return rc;
}

static int add_text(json_t *object, const char *key, const char *text)
{
    return *text ? json_object_set_new(object, key, json_string(text)) : 0;
}

static int json_row(const struct fl_custody *row, void *arg)
{
    struct writing *w = arg;
    fl_json_auto json_t *entry = json_pack("{ss sI ss}", "file", row->file, "size",
                                           (json_int_t)row->size, "sha256", row->sha256);
    fl_json_auto json_t *degraded = json_loads(row->degraded, 0, NULL);
    char *text = NULL;

    if (entry && add_text(entry, "run", row->run) == 0 &&
        add_text(entry, "stage", row->stage) == 0 && add_text(entry, "output", row->output) == 0 &&
        add_text(entry, "lead", row->lead) == 0 && add_text(entry, "cycle", row->cycle) == 0 &&
        add_text(entry, "valid_time", row->valid_time) == 0 &&
        (json_array_size(degraded) == 0 || json_object_set(entry, "degraded", degraded) == 0))
        text = json_dumps(entry, JSON_SORT_KEYS);
    if (!text)
        return fl_err_set(w->reterr, FL_E_NOMEM, 0, "out of memory for the manifest");
    fl_buf_puts(&w->text, w->first ? "\n  " : ",\n  ");
    fl_buf_puts(&w->text, text);
    w->first = false;
    free(text);
    return after_line(w);
}

static int write_json(const struct fl_world *world, struct fl_ledger *ledger, const char *set,
                      const char *delivery, const char *folder, char hex[static FL_DIGEST_HEX],
                      struct fl_err *reterr)
{
    json_t *name = json_string(set);
    char *quoted = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;
    struct writing w;
    int rc = begin(&w, world, folder, FL_MANIFEST_JSON, false, reterr);

    if (rc == 0 && !quoted)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the manifest");
    fl_buf_puts(&w.text, "{\n \"files\": [");
    if (rc == 0)
        rc = fl_ledger_each(ledger, delivery ? FL_LEDGER_WAITING : FL_LEDGER_PRESENT, set, delivery,
                            json_row, &w, reterr);
    if (rc == 0)
        fl_buf_printf(&w.text, "%s],\n \"set\": %s,\n \"version\": 1\n}\n", w.first ? "" : "\n ",
                      quoted);
    free(quoted);
    json_decref(name);
    return end(&w, rc, hex);
}

static int line_row(const struct fl_custody *row, void *arg)
{
    struct writing *w = arg;

    fl_buf_puts(&w->text, row->sha256);
    fl_buf_puts(&w->text, "  ");
    fl_buf_puts(&w->text, row->file);
    fl_buf_putc(&w->text, '\n');
    return after_line(w);
}

static int add_signature(struct writing *w, const char *set, const struct fl_signer *signer)
{
    char signature[FL_SIGNATURE_TEXT];
    char text[FL_PATH_MAX + 256];
    char hex[FL_DIGEST_HEX];
    size_t size;
    int rc = flush(w); /* all lines so far are in the digest */

    if (rc < 0)
        return rc;
    fl_digest_finish(w->lines, hex);
    size = signed_text(signer->site, set, hex, text, sizeof(text));
    if (size == 0)
        return fl_err_set(w->reterr, FL_E_TOO_BIG, 0, "the name of set '%.200s' is too long", set);
    rc = fl_sign(signer->key, text, size, signature, w->reterr);
    if (rc == 0)
        fl_buf_printf(&w->text, "# signed %s %s %s\n", signer->site, hex, signature);
    fl_digest_destroy(w->lines);
    w->lines = NULL;
    return rc;
}

int fl_manifest_write(const struct fl_world *world, struct fl_ledger *ledger, const char *set,
                      const char *delivery, const char *folder, const struct fl_signer *signer,
                      char *ret_hex, struct fl_err *reterr)
{
    char json_hex[FL_DIGEST_HEX] = "";
    char hex[FL_DIGEST_HEX] = "";
    struct writing w;
    int rc = write_json(world, ledger, set, delivery, folder, json_hex, reterr);

    if (rc < 0)
        return rc;
    rc = begin(&w, world, folder, FL_MANIFEST, true, reterr);
    fl_buf_printf(&w.text, "# %s: verify with: sha256sum -c " FL_MANIFEST "\n", set);
    if (rc == 0)
        rc = fl_ledger_each(ledger, delivery ? FL_LEDGER_WAITING : FL_LEDGER_PRESENT, set, delivery,
                            line_row, &w, reterr);
    if (rc == 0)
        fl_buf_printf(&w.text, "# " FL_MANIFEST_JSON " %s\n", json_hex);
    if (rc == 0 && signer && signer->key)
        rc = add_signature(&w, set, signer);
    rc = end(&w, rc, hex);
    if (rc == 0 && ret_hex)
        memcpy(ret_hex, hex, sizeof(hex));
    return rc;
}

char *fl_manifest_text(const struct json_t *doc)
{
    char *text = doc ? json_dumps(doc, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    size_t size = text ? strlen(text) : 0;
    char *line = text ? realloc(text, size + 2) : NULL;

    if (line)
        memcpy(line + size, "\n", 2);
    else
        free(text);
    return line;
}
