/* An open hash table with linear probing; nothing walks it, so its order is nobody's business. */
#include "config.h"

#include "engine/core/names.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define ROOM_MIN 16

/* FNV-1a with a last mix, so that the low bits are good. */
static uint32_t hash_of(const char *name, size_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    hash ^= hash >> 32;
    return (uint32_t)hash;
}

/* Where a name is, or the empty place where it would be. The table has room. */
static size_t place(const struct fl_names *names, const char *name, size_t size, uint32_t hash)
{
    size_t at = hash & (names->room - 1);

    while (names->items[at].name) {
        const struct fl_name *have = &names->items[at];

        if (have->hash == hash && strncmp(have->name, name, size) == 0 && have->name[size] == '\0')
            break;
        at = (at + 1) & (names->room - 1);
    }
    return at;
}

bool fl_names_find_sized(const struct fl_names *names, const char *name, size_t size,
                         uint32_t *ret_v)
{
    const struct fl_name *have;

    if (names->count == 0)
        return false;
    have = &names->items[place(names, name, size, hash_of(name, size))];
    if (!have->name)
        return false;
    *ret_v = have->v;
    return true;
}

bool fl_names_find(const struct fl_names *names, const char *name, uint32_t *ret_v)
{
    return fl_names_find_sized(names, name, strlen(name), ret_v);
}

static int grow(struct fl_names *names, struct fl_err *reterr)
{
    struct fl_names wider = {.room = names->room ? names->room * 2 : ROOM_MIN};

    wider.items = calloc(wider.room, sizeof(*wider.items));
    if (!wider.items)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a table of names");
    for (size_t i = 0; i < names->room; i++) {
        const struct fl_name *have = &names->items[i];

        if (have->name)
            wider.items[place(&wider, have->name, strlen(have->name), have->hash)] = *have;
    }
    wider.count = names->count;
    free(names->items);
    *names = wider;
    return 0;
}

int fl_names_add(struct fl_names *names, const char *name, uint32_t v, struct fl_err *reterr)
{
    size_t size = strlen(name);
    uint32_t hash = hash_of(name, size);
    size_t at;

    if (2 * (names->count + 1) > names->room && grow(names, reterr) < 0)
        return FL_E_NOMEM;
    at = place(names, name, size, hash);
    fl_assert(!names->items[at].name);
    names->items[at] = (struct fl_name){name, hash, v};
    names->count++;
    return 0;
}

bool fl_names_drop(struct fl_names *names, const char *name)
{
    size_t mask = names->room - 1;
    size_t size = strlen(name);
    size_t hole;

    if (names->count == 0)
        return false;
    hole = place(names, name, size, hash_of(name, size));
    if (!names->items[hole].name)
        return false;
    for (size_t at = (hole + 1) & mask; names->items[at].name; at = (at + 1) & mask) {
        size_t home = names->items[at].hash & mask;

        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* it would come to stand before its home */
        names->items[hole] = names->items[at];
        hole = at;
    }
    names->items[hole] = (struct fl_name){0};
    names->count--;
    return true;
}

void fl_names_release(struct fl_names *names)
{
    free(names->items);
    *names = (struct fl_names){0};
}

int fl_words_number(struct fl_words *words, const char *text, uint32_t *ret_v,
                    struct fl_err *reterr)
{
    char *copy;
    int rc;

    if (fl_names_find(&words->index, text, ret_v))
        return 0;
    if (words->count == words->room) {
        size_t room = words->room ? words->room * 2 : ROOM_MIN;
        char **items = realloc(words->items, room * sizeof(char *));

        if (!items)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a name");
        words->items = items;
        words->room = room;
    }
    copy = strdup(text);
    if (!copy)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a name");
    rc = fl_names_add(&words->index, copy, (uint32_t)words->count, reterr);
    if (rc < 0) {
        free(copy);
        return rc;
    }
    *ret_v = (uint32_t)words->count;
    words->items[words->count++] = copy;
    return 0;
}

void fl_words_release(struct fl_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    fl_names_release(&words->index);
    *words = (struct fl_words){0};
}
