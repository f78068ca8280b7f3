/* Fuzzes what a peer can say to a file door that we read ourselves: paths, ranges, what is handed
 * in as a grant, and a grant's text after its signature was found good. (Request lines and headers
 * are libmicrohttpd's to read.) The first byte chooses. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/door/door.h"
#include "data-fetch/door/grants.h"
#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/base/sign.h"
#include "engine/world/certificate.h"

#include "engine/base/banned.h"

#define NOW INT64_C(1700000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_path(const char *text)
{
    if (!fl_door_path_is_open(text))
        return;
    fl_assert(fl_path_is_safe(text));
    fl_assert(strncmp(text, "work/", 5) == 0 && !strstr(text, "/.") && strstr(text, "/out/"));
}

static void fuzz_range(const char *text)
{
    static const uint64_t sizes[] = {0, 1, 10, UINT32_MAX, INT64_MAX};

    for (size_t i = 0; i < FL_COUNT(sizes); i++) {
        uint64_t first = 0;
        uint64_t count = 0;

        switch (fl_door_range_parse(text, sizes[i], &first, &count)) {
        case FL_DOOR_WHOLE:
            fl_assert(first == 0 && count == sizes[i]);
            break;
        case FL_DOOR_PART:
            fl_assert(count > 0 && first < sizes[i] && count <= sizes[i] - first);
            break;
        case FL_DOOR_NONE:
            break;
        }
    }
}

/* The key of this process: what it signs says nothing about others. */
static struct fl_sign_key *make_keys(struct fl_sign_key **ret_public)
{
    fl_auto(fl_buf_release) struct fl_buf secret;
    fl_auto(fl_buf_release) struct fl_buf public;
    struct fl_sign_key *key = NULL;

    fl_buf_init(&secret, 0);
    fl_buf_init(&public, 0);
    if (fl_certificate_make_pair(&secret, &public, NULL) < 0 ||
        fl_sign_key_read(secret.data, secret.size, true, &key, NULL) < 0 ||
        fl_sign_key_read(public.data, public.size, false, ret_public, NULL) < 0)
        abort();
    return key;
}

static void fuzz_grant(const char *text, size_t size, bool sign)
{
    static struct fl_sign_key *secret;
    static struct fl_sign_key *public;
    fl_auto(fl_grants_destroy) struct fl_grants *grants = NULL;
    fl_json_auto json_t *post = NULL;
    char signature[FL_SIGNATURE_TEXT];
    char *body = NULL;

    if (!secret)
        secret = make_keys(&public);
    if (fl_grants_create(public, "hpc", &grants, NULL) < 0)
        abort();
    if (!sign) {
        fl_assert(fl_grants_add(grants, text, size, "local", NOW, NULL) < 0);
        return;
    }
    if (strlen(text) != size || fl_sign(secret, text, size, signature, NULL) < 0)
        return;
    post = json_pack("{s:s,s:s}", "text", text, "signature", signature);
    body = post ? fl_json_text(post) : NULL; /* NULL when it is no UTF-8 */
    if (body && fl_grants_add(grants, body, strlen(body), "local", NOW, NULL) == 0)
        fl_assert(fl_grants_count(grants) == 1);
    (void)fl_grants_allow(grants, "local", "work/a/1/out/b", NOW);
    fl_assert(!fl_grants_allow(grants, "other", "work/a/1/out/b", NOW));
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size < 1 || size > 65536)
        return 0;
    text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 4) {
    case 0:
        fuzz_path(text);
        break;
    case 1:
        fuzz_range(text);
        break;
    case 2:
        fuzz_grant(text, size - 1, false);
        break;
    default:
        fuzz_grant(text, size - 1, true);
        break;
    }
    free(text);
    return 0;
}
