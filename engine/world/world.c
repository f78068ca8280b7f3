/* What every world shares. */
#include "config.h"

#include "engine/world/world.h"

#include "engine/base/banned.h"

#define RANDOM_HEX_MAX 128

int fl_world_random(const struct fl_world *world, void *out, size_t size, struct fl_err *reterr)
{
    int rc = world->ops->random(out, size, world->arg);

    if (rc < 0)
        return fl_err_errno(reterr, -rc, "random bytes");
    return 0;
}

int fl_world_random_hex(const struct fl_world *world, char *hex, size_t digits,
                        struct fl_err *reterr)
{
    static const char alphabet[] = "0123456789abcdef";
    unsigned char raw[RANDOM_HEX_MAX / 2];
    int rc;

    fl_assert(digits % 2 == 0 && digits <= RANDOM_HEX_MAX);
    rc = fl_world_random(world, raw, digits / 2, reterr);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < digits; i++)
        hex[i] = alphabet[i % 2 ? raw[i / 2] & 15 : raw[i / 2] >> 4];
    hex[digits] = '\0';
    return 0;
}

int fl_world_wait(const struct fl_world *world, struct fl_wait_item *items, size_t count,
                  int64_t timeout_ns, struct fl_err *reterr)
{
    int rc;

    for (size_t i = 0; i < count; i++)
        items[i].ready = false;
    rc = world->ops->wait(items, count, timeout_ns, world->arg);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "wait for %zu sources of events", count);
    if (rc == 0)
        return fl_err_set(reterr, FL_E_TIMEOUT, 0, "nothing happened in time");
    return 0;
}
