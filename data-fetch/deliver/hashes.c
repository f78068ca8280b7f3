/* Names seen. */
#include "config.h"

#include "data-fetch/deliver/hashes.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/digest.h"

#include "engine/base/banned.h"

static uint64_t hash_of(const char *name)
{
    char hex[FL_DIGEST_HEX];
    uint64_t value;

    fl_digest_memory(name, strlen(name), hex);
    hex[16] = '\0';
    value = strtoull(hex, NULL, 16);
    return value ? value : 1;
}

/* True when it was not there. */
static bool put(uint64_t *table, size_t room, uint64_t value)
{
    size_t at = (size_t)(value % room);

    for (; table[at]; at = at + 1 == room ? 0 : at + 1)
        if (table[at] == value)
            return false;
    table[at] = value;
    return true;
}

static int grow(struct fl_hashes *h, struct fl_err *reterr)
{
    size_t room = h->room ? h->room * 3 / 2 : 1024;
    uint64_t *table = calloc(room, sizeof(*table));

    if (!table)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for %zu names", h->count);
    for (size_t i = 0; i < h->room; i++)
        if (h->table[i])
            (void)put(table, room, h->table[i]);
    free(h->table);
    h->table = table;
    h->room = room;
    return 0;
}

int fl_hashes_add(struct fl_hashes *h, const char *name, struct fl_err *reterr)
{
    int rc = h->count * 5 >= h->room * 4 ? grow(h, reterr) : 0;

    if (rc < 0)
        return rc;
    if (!put(h->table, h->room, hash_of(name)))
        return FL_E_EXISTS;
    h->count++;
    return 0;
}

void fl_hashes_release(struct fl_hashes *h)
{
    free(h->table);
    *h = (struct fl_hashes){0};
}
