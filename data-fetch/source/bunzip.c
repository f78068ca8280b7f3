/* bzip2 while it comes. */
#include "config.h"

#include "data-fetch/source/bunzip.h"

#include <bzlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/banned.h"

struct fl_bunzip {
    fl_bunzip_emit_fn emit;
    void *arg;
    bz_stream stream;
    bool open;      /* the stream is under way */
    uint64_t taken; /* packed bytes */
    char piece[FL_BUNZIP_PIECE];
};

int fl_bunzip_create(fl_bunzip_emit_fn emit, void *arg, struct fl_bunzip **ret_bunzip,
                     struct fl_err *reterr)
{
    struct fl_bunzip *bunzip = calloc(1, sizeof(*bunzip));

    if (!bunzip)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for unpacking");
    bunzip->emit = emit;
    bunzip->arg = arg;
    *ret_bunzip = bunzip;
    return 0;
}

void fl_bunzip_destroy(struct fl_bunzip *bunzip)
{
    if (!bunzip)
        return;
    if (bunzip->open)
        (void)BZ2_bzDecompressEnd(&bunzip->stream); /* thrown away */
    free(bunzip);
}

static int broken(const struct fl_bunzip *bunzip, int code, struct fl_err *reterr)
{
    if (code == BZ_MEM_ERROR)
        return fl_err_set(reterr, FL_E_NOMEM, code, "out of memory for unpacking");
    return fl_err_set(
        reterr, FL_E_DATA, code, "the packed file is broken near byte %llu: %s (bzip2 %d)",
        (unsigned long long)bunzip->taken,
        code == BZ_DATA_ERROR_MAGIC ? "it does not begin with 'BZh'" : "its checks do not hold",
        code);
}

/* One call of the library. *ret_more: it may have more to give without more input. */
static int step(struct fl_bunzip *bunzip, bool *ret_more, struct fl_err *reterr)
{
    unsigned before = bunzip->stream.avail_in;
    size_t made;
    int code;
    int rc = 0;

    bunzip->stream.next_out = bunzip->piece;
    bunzip->stream.avail_out = (unsigned)sizeof(bunzip->piece);
    code = BZ2_bzDecompress(&bunzip->stream);
    bunzip->taken += before - bunzip->stream.avail_in;
    if (code != BZ_OK && code != BZ_STREAM_END)
        return broken(bunzip, code, reterr);
    made = sizeof(bunzip->piece) - bunzip->stream.avail_out;
    if (made > 0)
        rc = bunzip->emit(bunzip->piece, made, reterr, bunzip->arg);
    *ret_more = code == BZ_OK && (bunzip->stream.avail_in > 0 || bunzip->stream.avail_out == 0);
    if (code == BZ_STREAM_END) {
        char *rest = bunzip->stream.next_in;
        unsigned left = bunzip->stream.avail_in;

        (void)BZ2_bzDecompressEnd(&bunzip->stream); /* it has ended well */
        bunzip->open = false;
        bunzip->stream = (bz_stream){.next_in = rest, .avail_in = left};
        *ret_more = left > 0;
    }
    return rc;
}

int fl_bunzip_add(struct fl_bunzip *bunzip, const void *data, size_t size, struct fl_err *reterr)
{
    bool more = size > 0;

    fl_assert(size <= UINT32_MAX);
    bunzip->stream.next_in = (char *)data;
    bunzip->stream.avail_in = (unsigned)size;
    while (more) {
        int rc = 0;

        if (!bunzip->open) {
            int code = BZ2_bzDecompressInit(&bunzip->stream, 0, 0);

            if (code != BZ_OK)
                return broken(bunzip, code, reterr);
            bunzip->open = true;
        }
        rc = step(bunzip, &more, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int fl_bunzip_end(struct fl_bunzip *bunzip, struct fl_err *reterr)
{
    if (bunzip->taken == 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "the packed file is empty");
    if (bunzip->open)
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "the packed file ends after %llu bytes, inside a block",
                          (unsigned long long)bunzip->taken);
    return 0;
}
