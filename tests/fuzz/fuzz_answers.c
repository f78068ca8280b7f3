/* Fuzzes what the servers of destinations say: listings of SFTP, WebDAV's multistatus, a store's
 * listings, uploads and parts. The first byte chooses. Names that come out stay in their folder. */

#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/list.h"
#include "data-fetch/destination/s3.h"
#include "data-fetch/destination/webdav.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see_id(const char *id, void *arg)
{
    fl_assert(id[0] && strlen(id) < FL_S3_ID_MAX);
    (*(size_t *)arg)++;
}

static void see_part(int number, int64_t size, const char *etag, void *arg)
{
    fl_assert(number >= 1 && number <= FL_S3_PARTS_MAX && size >= 0);
    fl_assert(etag[0] && strlen(etag) < FL_S3_ETAG_MAX);
    (*(size_t *)arg)++;
}

static void check_names(const struct fl_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->entries[i].name;

        fl_assert(fl_path_is_safe(name) && !strchr(name, '/'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fl_auto(fl_list_release) struct fl_list list = {0};
    char id[FL_S3_ID_MAX];
    size_t seen = 0;
    int64_t space = 0;
    int next = 0;
    char *text = size ? malloc(size) : NULL;

    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 6) {
    case 0:
        (void)fl_list_take_long(&list, text, NULL); /* refused is fine; so below */
        check_names(&list);
        break;
    case 1:
        (void)fl_webdav_take_list(&list, 1, text, size - 1, NULL);
        check_names(&list);
        break;
    case 2:
        (void)fl_webdav_take_space(&space, text, size - 1, NULL);
        fl_assert(space >= -1);
        break;
    case 3:
        (void)fl_s3_take_list(&list, id, sizeof(id), text, size - 1, NULL);
        break;
    case 4:
        (void)fl_s3_take_uploads("k", id, sizeof(id), see_id, &seen, text, size - 1, NULL);
        break;
    default:
        (void)fl_s3_take_parts(see_part, &seen, &next, text, size - 1, NULL);
        fl_assert(next >= 0 && next <= FL_S3_PARTS_MAX);
        break;
    }
    free(text);
    return 0;
}
