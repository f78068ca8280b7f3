/* Grants in memory: a list in the order of use, each with its paths sorted. */
#include "config.h"

#include "data-fetch/door/grants.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/sign.h"

#include "engine/base/banned.h"

struct grant {
    struct grant *next; /* used before this one */
    json_t *doc;        /* holds all texts */
    const char *to;
    int64_t expires_s;
    size_t bytes;
    size_t count;
    const char *paths[]; /* sorted */
};

struct fl_grants {
    const struct fl_sign_key *key;
    char *site;
    struct grant *first; /* used last */
    size_t count;
    size_t bytes;
};

int fl_grants_create(const struct fl_sign_key *key, const char *site, struct fl_grants **ret_grants,
                     struct fl_err *reterr)
{
    struct fl_grants *grants = calloc(1, sizeof(*grants));

    fl_assert(key && ret_grants);
    if (grants && site)
        grants->site = strdup(site);
    if (!grants || (site && !grants->site)) {
        fl_grants_destroy(grants);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    }
    grants->key = key;
    *ret_grants = grants;
    return 0;
}

static void grant_free(struct grant *grant)
{
    json_decref(grant->doc);
    free(grant);
}

void fl_grants_destroy(struct fl_grants *grants)
{
    if (!grants)
        return;
    while (grants->first) {
        struct grant *grant = grants->first;

        grants->first = grant->next;
        grant_free(grant);
    }
    free(grants->site);
    free(grants);
}

static void drop(struct fl_grants *grants, struct grant **slot)
{
    struct grant *grant = *slot;

    *slot = grant->next;
    grants->count--;
    grants->bytes -= grant->bytes;
    grant_free(grant);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The signed text, when the signature is the coordinator's. */
static int open_text(const struct fl_grants *grants, const char *body, size_t size,
                     json_t **ret_doc, struct fl_err *reterr)
{
    fl_json_auto json_t *post = NULL;
    const char *text = NULL;
    const char *signature = NULL;
    int rc = size > FL_GRANT_POST_MAX
                 ? fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %zu bytes", FL_GRANT_POST_MAX)
                 : fl_json_parse(body, size, &post, reterr);

    if (rc == 0)
        rc = fl_json_string(post, "text", &text, reterr);
    if (rc == 0)
        rc = fl_json_string(post, "signature", &signature, reterr);
    if (rc < 0)
        return rc;
    if (!fl_sign_verify(grants->key, text, strlen(text), signature))
        return fl_err_set(reterr, FL_E_PERM, 0, "the signature is not the coordinator's");
    return fl_json_parse(text, strlen(text), ret_doc, reterr);
}

static int check(const struct fl_grants *grants, const json_t *doc, const char *peer, int64_t now_s,
                 const char **ret_to, int64_t *ret_expires_s, const json_t **ret_files,
                 struct fl_err *reterr)
{
    const char *site = NULL;
    int64_t version = 0;
    int rc = fl_json_int(doc, "v", &version, reterr);

    if (rc == 0)
        rc = fl_json_string(doc, "site", &site, reterr);
    if (rc == 0)
        rc = fl_json_string(doc, "to", ret_to, reterr);
    if (rc == 0)
        rc = fl_json_int(doc, "expires", ret_expires_s, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(doc, "files", ret_files, reterr);
    if (rc < 0)
        return rc;
    if (version != FL_GRANT_VERSION)
        return fl_err_set(reterr, FL_E_PARSE, 0, "a grant of version %lld; this door reads %d",
                          (long long)version, FL_GRANT_VERSION);
    if (grants->site && strcmp(site, grants->site) != 0)
        return fl_err_set(reterr, FL_E_PERM, 0, "a grant for site '%.80s'; this is '%s'", site,
                          grants->site);
    if (peer && strcmp(*ret_to, peer) != 0)
        return fl_err_set(reterr, FL_E_PERM, 0, "a grant to '%.80s'; you are '%s'", *ret_to, peer);
    if (*ret_expires_s <= now_s)
        return fl_err_set(reterr, FL_E_PERM, 0, "the grant was over %lld s ago",
                          (long long)(now_s - *ret_expires_s));
    return 0;
}

static int make(json_t *doc, const json_t *files, const char *to, int64_t expires_s,
                struct grant **ret_grant, struct fl_err *reterr)
{
    size_t count = files ? json_array_size(files) : 0;
    struct grant *grant = calloc(1, sizeof(*grant) + count * sizeof(grant->paths[0]));
    size_t bytes = sizeof(*grant);

    if (!grant)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    for (size_t i = 0; i < count; i++) {
        grant->paths[i] = json_string_value(json_array_get(files, i));
        if (!grant->paths[i]) {
            free(grant);
            return fl_err_set(reterr, FL_E_PARSE, 0, "member 'files': entry %zu is not a text", i);
        }
        bytes += strlen(grant->paths[i]) + 80; /* what a text takes in memory, about */
    }
    if (count > 1)
        qsort(grant->paths, count, sizeof(grant->paths[0]), by_text);
    grant->doc = json_incref(doc);
    grant->to = to;
    grant->expires_s = expires_s;
    grant->bytes = bytes;
    grant->count = count;
    *ret_grant = grant;
    return 0;
}

/* The least recently used one of a reader (NULL: of all). False when there is none. */
static bool drop_last(struct fl_grants *grants, const char *to)
{
    struct grant **last = NULL;

    for (struct grant **slot = &grants->first; *slot; slot = &(*slot)->next) {
        if (!to || strcmp((*slot)->to, to) == 0)
            last = slot;
    }
    if (last)
        drop(grants, last);
    return last != NULL;
}

static size_t bytes_of(const struct fl_grants *grants, const char *to)
{
    size_t bytes = 0;

    for (const struct grant *grant = grants->first; grant; grant = grant->next)
        bytes += strcmp(grant->to, to) == 0 ? grant->bytes : 0;
    return bytes;
}

/* Those that are over go, and the same one that was handed in before; then there is room. */
static void make_room(struct fl_grants *grants, const struct grant *wanted, int64_t now_s)
{
    struct grant **slot = &grants->first;

    while (*slot) {
        if ((*slot)->expires_s <= now_s || json_equal((*slot)->doc, wanted->doc))
            drop(grants, slot);
        else
            slot = &(*slot)->next;
    }
    while (bytes_of(grants, wanted->to) + wanted->bytes > FL_GRANTS_BYTES_MAX / 2 &&
           drop_last(grants, wanted->to)) {
    }
    while (
        (grants->bytes + wanted->bytes > FL_GRANTS_BYTES_MAX || grants->count >= FL_GRANTS_MAX) &&
        drop_last(grants, NULL)) {
    }
}

int fl_grants_add(struct fl_grants *grants, const char *body, size_t size, const char *peer,
                  int64_t now_s, struct fl_err *reterr)
{
    fl_json_auto json_t *doc = NULL;
    const json_t *files = NULL;
    const char *to = NULL;
    int64_t expires_s = 0;
    struct grant *grant = NULL;
    int rc = open_text(grants, body, size, &doc, reterr);

    if (rc == 0)
        rc = check(grants, doc, peer, now_s, &to, &expires_s, &files, reterr);
    if (rc == 0)
        rc = make(doc, files, to, expires_s, &grant, reterr);
    if (rc < 0)
        return rc;
    if (grant->bytes > FL_GRANTS_BYTES_MAX / 2) {
        grant_free(grant);
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "too many files in one grant");
    }
    make_room(grants, grant, now_s);
    grant->next = grants->first;
    grants->first = grant;
    grants->count++;
    grants->bytes += grant->bytes;
    return 0;
}

bool fl_grants_allow(struct fl_grants *grants, const char *peer, const char *path, int64_t now_s)
{
    for (struct grant **slot = &grants->first; *slot; slot = &(*slot)->next) {
        struct grant *grant = *slot;

        if (grant->expires_s <= now_s || (peer && strcmp(grant->to, peer) != 0) ||
            !bsearch(&path, grant->paths, grant->count, sizeof(grant->paths[0]), by_text))
            continue;
        *slot = grant->next; /* used last */
        grant->next = grants->first;
        grants->first = grant;
        return true;
    }
    return false;
}

size_t fl_grants_count(const struct fl_grants *grants)
{
    return grants->count;
}
