#ifndef FL_BASE_PACK_H
#define FL_BASE_PACK_H

/* A compact binary form of structs, written and read by one and the same walk over their fields, so
 * that the two cannot part: each call puts a value (saving) or fills it (loading). Numbers take as
 * few bytes as they need (LEB128). Reading never goes past the end and never trusts a count.
 * Owns: nothing (what loading makes belongs to the caller). Threads: one at a time.
 * Limits: that of the buffer; texts of FL_PACK_TEXT_MAX bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"

#define FL_PACK_TEXT_MAX ((size_t)64 * 1024 * 1024)

struct fl_pack {
    struct fl_buf *out;      /* saving */
    const unsigned char *at; /* loading */
    const unsigned char *end;
    int rc; /* sticky, loading: 0, FL_E_DATA (cut short, or nonsense), FL_E_NOMEM */
};

static inline bool fl_pack_loads(const struct fl_pack *pack)
{
    return !pack->out;
}
/* Says that what was read cannot be. */
void fl_pack_spoil(struct fl_pack *pack, int rc);

void fl_pack_u(struct fl_pack *pack, uint64_t *value);
void fl_pack_i(struct fl_pack *pack, int64_t *value);
void fl_pack_bytes(struct fl_pack *pack, void *data, size_t size);
/* A text or NULL; loading makes it. */
void fl_pack_text(struct fl_pack *pack, char **text);
/* How many of something follow, each of at least one byte: gives count, or what was read. */
size_t fl_pack_count(struct fl_pack *pack, size_t count);
/* Saving: have. Loading: zeroed room for count (one at least), or NULL, which spoils. */
void *fl_pack_room(struct fl_pack *pack, void *have, size_t count, size_t size);

/* Any unsigned, or signed, number field, of any width. What does not fit spoils. */
#define FL_PACK_U(pack, field) \
    do { \
        uint64_t v_ = (uint64_t)(field); \
        fl_pack_u((pack), &v_); \
        (field) = (__typeof__(field))v_; \
        if ((uint64_t)(field) != v_) \
            fl_pack_spoil((pack), FL_E_DATA); \
    } while (0)
#define FL_PACK_I(pack, field) \
    do { \
        int64_t v_ = (int64_t)(field); \
        fl_pack_i((pack), &v_); \
        (field) = (__typeof__(field))v_; \
        if ((int64_t)(field) != v_) \
            fl_pack_spoil((pack), FL_E_DATA); \
    } while (0)

#endif
