/* Saving and loading by one walk. */
#include "config.h"

#include "engine/base/pack.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

void fl_pack_spoil(struct fl_pack *pack, int rc)
{
    if (pack->rc == 0)
        pack->rc = rc;
    pack->at = pack->end; /* all that follows reads as nothing */
}

void fl_pack_u(struct fl_pack *pack, uint64_t *value)
{
    uint64_t v = 0;
    unsigned shift = 0;

    if (pack->out) {
        char bytes[10];
        size_t used = 0;

        for (v = *value; v >= 0x80; v >>= 7)
            bytes[used++] = (char)(unsigned char)(v | 0x80);
        bytes[used++] = (char)v;
        fl_buf_add(pack->out, bytes, used);
        return;
    }
    for (; pack->at < pack->end && shift < 64; shift += 7) {
        unsigned char byte = *pack->at++;

        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *value = v;
            return;
        }
    }
    *value = 0;
    fl_pack_spoil(pack, FL_E_DATA);
}

/* Small numbers of either sign are short. */
void fl_pack_i(struct fl_pack *pack, int64_t *value)
{
    uint64_t v = ((uint64_t)*value << 1) ^ (*value < 0 ? UINT64_MAX : 0);

    fl_pack_u(pack, &v);
    *value = (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

void fl_pack_bytes(struct fl_pack *pack, void *data, size_t size)
{
    if (pack->out) {
        fl_buf_add(pack->out, data, size);
    } else if (size <= (size_t)(pack->end - pack->at)) {
        memcpy(data, pack->at, size);
        pack->at += size;
    } else {
        memset(data, 0, size);
        fl_pack_spoil(pack, FL_E_DATA);
    }
}

void fl_pack_text(struct fl_pack *pack, char **text)
{
    uint64_t size = pack->out && *text ? strlen(*text) + 1 : 0;

    fl_pack_u(pack, &size); /* 0: NULL */
    if (pack->out) {
        if (size > 1)
            fl_buf_add(pack->out, *text, (size_t)size - 1);
        return;
    }
    *text = NULL;
    if (size == 0)
        return;
    if (size - 1 > (uint64_t)(pack->end - pack->at) || size > FL_PACK_TEXT_MAX ||
        memchr(pack->at, '\0', (size_t)size - 1)) {
        fl_pack_spoil(pack, FL_E_DATA);
        return;
    }
    *text = malloc((size_t)size);
    if (!*text) {
        fl_pack_spoil(pack, FL_E_NOMEM);
        return;
    }
    memcpy(*text, pack->at, (size_t)size - 1);
    (*text)[size - 1] = '\0';
    pack->at += size - 1;
}

size_t fl_pack_count(struct fl_pack *pack, size_t count)
{
    uint64_t v = count;

    fl_pack_u(pack, &v);
    if (pack->out)
        return count;
    if (v > (uint64_t)(pack->end - pack->at)) {
        fl_pack_spoil(pack, FL_E_DATA);
        return 0;
    }
    return (size_t)v;
}

void *fl_pack_room(struct fl_pack *pack, void *have, size_t count, size_t size)
{
    void *room;

    if (pack->out)
        return have;
    room = calloc(count ? count : 1, size);
    if (!room)
        fl_pack_spoil(pack, FL_E_NOMEM);
    return room;
}
