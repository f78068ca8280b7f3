/* Files without an index, as their bytes come. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/ask_impl.h"
#include "data-fetch/source/bunzip.h"
#include "data-fetch/source/frame.h"

#include "engine/base/banned.h"

#define HEAD_BYTES 16 /* of a GRIB message: enough for its length */
#define MAGIC_BYTES 8

struct fl_whole {
    const struct fl_ask *ask;
    size_t part;
    struct fl_ask_time time;
    struct fl_ask_tally *tally;
    fl_ask_emit_fn emit;
    void *arg;
    struct fl_bunzip *bunzip; /* NULL: it comes unpacked */
    struct fl_buf held;       /* a message that has not come whole, or a NetCDF head */
    uint64_t at;              /* byte of the file that `held` begins with */
    bool known;               /* NetCDF: the magic was right */
    size_t messages;          /* of this file */
};

static int take_plain(const void *data, size_t size, struct fl_err *reterr, void *arg);

int fl_whole_create(const struct fl_ask *ask, size_t part, const struct fl_ask_time *time,
                    struct fl_ask_tally *tally, fl_ask_emit_fn emit, void *arg,
                    struct fl_whole **ret_whole, struct fl_err *reterr)
{
    struct fl_whole *whole = calloc(1, sizeof(*whole));
    int rc = 0;

    fl_assert(ask->source->index_kind == FL_INDEX_NONE);
    if (!whole)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a file");
    *whole = (struct fl_whole){
        .ask = ask, .part = part, .time = *time, .tally = tally, .emit = emit, .arg = arg};
    fl_buf_init(&whole->held, FL_MESSAGE_MAX + 1);
    if (ask->source->packing == FL_PACKING_BZIP2)
        rc = fl_bunzip_create(take_plain, whole, &whole->bunzip, reterr);
    if (rc < 0) {
        fl_whole_destroy(whole);
        return rc;
    }
    *ret_whole = whole;
    return 0;
}

void fl_whole_destroy(struct fl_whole *whole)
{
    if (!whole)
        return;
    fl_bunzip_destroy(whole->bunzip);
    fl_buf_release(&whole->held);
    free(whole);
}

static int at_byte(const struct fl_whole *whole, int rc, struct fl_err *reterr)
{
    return fl_err_note(reterr, rc, "byte %" PRIu64, whole->at);
}

/* Forgets the first bytes of what is held. */
static void drop_held(struct fl_whole *whole, size_t size)
{
    size_t left = whole->held.size - size;

    if (size == 0)
        return;
    memmove(whole->held.data, whole->held.data + size, left);
    whole->held.data[left] = '\0';
    whole->held.size = left;
    whole->at += size;
}

/* Zero bytes between messages are padding. */
static void drop_padding(struct fl_whole *whole)
{
    size_t zeros = 0;

    while (zeros < whole->held.size && whole->held.data[zeros] == 0)
        zeros++;
    drop_held(whole, zeros);
}

/* Adds bytes up to `wanted` held ones; what is left over is moved on in *data. */
static int hold(struct fl_whole *whole, const char **data, size_t *size, size_t wanted,
                struct fl_err *reterr)
{
    size_t take = wanted > whole->held.size ? wanted - whole->held.size : 0;

    take = take < *size ? take : *size;
    fl_buf_add(&whole->held, *data, take);
    *data += take;
    *size -= take;
    return fl_buf_check(&whole->held, reterr);
}

/* Cuts the stream into messages; each goes on when it is whole. */
static int take_messages(struct fl_whole *whole, const char *data, size_t size,
                         struct fl_err *reterr)
{
    while (size > 0) {
        uint64_t length = 0;
        int rc = hold(whole, &data, &size, HEAD_BYTES, reterr);

        if (rc < 0)
            return rc;
        drop_padding(whole);
        if (whole->held.size < HEAD_BYTES)
            continue;
        rc = fl_frame_length(whole->held.data, whole->held.size, &length, reterr);
        if (rc == 0 && length > FL_MESSAGE_MAX)
            rc = fl_err_set(reterr, FL_E_TOO_BIG, 0,
                            "a message of %" PRIu64 " bytes; the limit is %zu", length,
                            FL_MESSAGE_MAX);
        if (rc == 0)
            rc = hold(whole, &data, &size, (size_t)length, reterr);
        if (rc == 0 && whole->held.size >= length) {
            rc = fl_ask_take(whole->ask, whole->part, &whole->time, NULL, whole->held.data,
                             (size_t)length, whole->tally, whole->emit, whole->arg, reterr);
            whole->messages++;
            if (rc == 0)
                drop_held(whole, (size_t)length);
        }
        if (rc < 0)
            return at_byte(whole, rc, reterr);
    }
    return 0;
}

static int check_netcdf_magic(const struct fl_whole *whole, struct fl_err *reterr)
{
    static const char *const magics[] = {"CDF\001", "CDF\002", "CDF\005", "\211HDF\r\n\032\n"};
    const char *head = whole->held.data;
    char shown[MAGIC_BYTES + 1];

    for (size_t i = 0; i < FL_COUNT(magics); i++) {
        if (whole->held.size >= strlen(magics[i]) &&
            memcmp(head, magics[i], strlen(magics[i])) == 0)
            return 0;
    }
    for (size_t i = 0; i < MAGIC_BYTES; i++)
        shown[i] = i < whole->held.size && head[i] >= 0x20 && head[i] < 0x7f ? head[i] : '.';
    shown[MAGIC_BYTES] = '\0';
    return fl_err_set(reterr, FL_E_DATA, 0,
                      "byte 0: the file begins with '%s'%s; expected was NetCDF (CDF or HDF)",
                      shown, head[0] == '<' ? ", a web page" : "");
}

/* NetCDF goes on as it is, once it begins like NetCDF. */
static int take_netcdf(struct fl_whole *whole, const char *data, size_t size, struct fl_err *reterr)
{
    int rc = 0;

    if (!whole->known) {
        rc = hold(whole, &data, &size, MAGIC_BYTES, reterr);
        if (rc < 0 || whole->held.size < MAGIC_BYTES)
            return rc;
        rc = check_netcdf_magic(whole, reterr);
        if (rc < 0)
            return rc;
        whole->known = true;
        rc = whole->emit(whole->held.data, whole->held.size, whole->arg);
        whole->tally->bytes += whole->held.size;
        whole->tally->messages++;
    }
    if (rc == 0 && size > 0) {
        rc = whole->emit(data, size, whole->arg);
        whole->tally->bytes += size;
    }
    return rc;
}

static int take_plain(const void *data, size_t size, struct fl_err *reterr, void *arg)
{
    struct fl_whole *whole = arg;

    return whole->ask->source->format == FL_FORMAT_NETCDF
               ? take_netcdf(whole, data, size, reterr)
               : take_messages(whole, data, size, reterr);
}

int fl_whole_add(struct fl_whole *whole, const void *data, size_t size, struct fl_err *reterr)
{
    return whole->bunzip ? fl_bunzip_add(whole->bunzip, data, size, reterr)
                         : take_plain(data, size, reterr, whole);
}

int fl_whole_end(struct fl_whole *whole, struct fl_err *reterr)
{
    int rc = whole->bunzip ? fl_bunzip_end(whole->bunzip, reterr) : 0;

    if (rc < 0)
        return rc;
    if (whole->ask->source->format == FL_FORMAT_NETCDF)
        return whole->known ? 0 : check_netcdf_magic(whole, reterr);
    drop_padding(whole);
    if (whole->held.size > 0) {
        uint64_t length = 0;

        rc = fl_frame_length(whole->held.data, whole->held.size, &length, reterr);
        if (rc == 0)
            rc = fl_err_set(reterr, FL_E_DATA, 0,
                            "the file ends after %zu bytes of a message of %" PRIu64,
                            whole->held.size, length);
        return at_byte(whole, rc, reterr);
    }
    if (whole->messages == 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "the file is empty; expected were GRIB messages");
    return 0;
}
