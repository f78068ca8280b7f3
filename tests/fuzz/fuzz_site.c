/* Fuzzes the site file's reader. First inputs: the cases of tests/golden/site/mistakes.txt. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/lines/site.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct fl_site *site = NULL;
    struct fl_err err = {0};

    fl_assert(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (strstr(text, "include")) { /* reads other files */
        free(text);
        return 0;
    }
    if (fl_site_parse(text, "fuzz.cfg", &site, &err) == 0) {
        fl_assert(site->name[0]);
        for (size_t i = 0; i < site->peer_count; i++)
            fl_assert(site->peers[i].line_count > 0 && fl_site_peer(site, site->peers[i].site));
        for (int64_t at_s = 0; at_s < 86400; at_s += 1799) {
            int64_t until_s = 0;

            (void)fl_site_cap_at(site, at_s, &until_s);
            fl_assert(until_s > at_s && until_s <= at_s + 86400 + 60);
        }
        fl_site_destroy(site);
    } else {
        fl_assert(err.code < 0 && err.text[0]);
    }
    free(text);
    return 0;
}
