/* What servers say of their folders and uploads. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/list.h"
#include "data-fetch/destination/s3.h"
#include "data-fetch/destination/webdav.h"
#include "data-fetch/destination/xml.h"
#include "tests/lib/test.h"

/* A listing read wrong removes the wrong file. */
static void lines_of_an_sftp_server_are_read(void **state)
{
    static const char text[] =
        "drwxr-xr-x    2 root     root         4096 Nov 24 15:30 .\n"
        "drwxr-xr-x    2 root     root         4096 Nov 24 15:30 a folder\n"
        "-rw-r--r--    1 1000     domain^users 9999999999 Nov 24  2025 two  spaces\r\n"
        "lrwxrwxrwx    1 root     root            3 Nov 24 15:30 link -> a/b\n"
        "-rw-r--r--    1 root     root            3 Nov 24 15:30 .hidden\n"
        "-rw-r--r--    1 root     root            3 Nov 24 15:30 ..\n";
    fl_auto(fl_list_release) struct fl_list list = {0};
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_list_take_long(&list, text, &err), err);
    assert_int_equal(list.count, 4);
    assert_true(fl_list_find(&list, "a folder")->stat.is_folder);
    assert_true(fl_list_find(&list, "two  spaces")->stat.size == 9999999999u);
    assert_non_null(fl_list_find(&list, "link"));
    assert_non_null(fl_list_find(&list, ".hidden"));
    assert_fails_with(fl_list_take_long(&list, "total 12\n", &err), FL_E_DATA, err, "total 12");
}

/* Whatever name a server gives an entry, it stays one component of its folder. */
static void folders_of_a_webdav_server_are_read(void **state)
{
    static const char text[] =
        "<?xml version='1.0'?><D:multistatus xmlns:D='DAV:'>"
        "<D:response><D:href>/base/day/x%20y.nc</D:href><D:propstat><D:prop>"
        "<D:getcontentlength>12</D:getcontentlength><D:resourcetype/></D:prop></D:propstat>"
        "</D:response>"
        "<D:response><D:href>http://h/base/day/</D:href><D:propstat><D:prop><D:resourcetype>"
        "<D:collection/></D:resourcetype></D:prop></D:propstat></D:response>"
        "<D:response><D:href>/base/day/maps/</D:href><D:propstat><D:prop><D:resourcetype>"
        "<D:collection/></D:resourcetype><D:quota-available-bytes>77</D:quota-available-bytes>"
        "</D:prop></D:propstat></D:response>"
        "<D:response><D:href>/base/day/..%2f..%2fetc</D:href></D:response>"
        "<D:response><D:href>/elsewhere</D:href></D:response>"
        "</D:multistatus>";
    fl_auto(fl_list_release) struct fl_list list = {0};
    int64_t space = -1;
    struct fl_err err = {0};

    (void)state;
    assert_int_equal(fl_webdav_parts("/base/day/"), 2);
    assert_ok(fl_webdav_take_list(&list, 2, text, strlen(text), &err), err);
    assert_int_equal(fl_list_find(&list, "x y.nc")->stat.size, 12);
    assert_true(fl_list_find(&list, "maps")->stat.is_folder);
    for (size_t i = 0; i < list.count; i++)
        assert_null(strchr(list.entries[i].name, '/'));
    assert_null(fl_list_find(&list, "elsewhere"));
    assert_null(fl_list_find(&list, "day"));
    assert_ok(fl_webdav_take_space(&space, text, strlen(text), &err), err);
    assert_int_equal(space, 77);
}

struct seen {
    int old;
    int parts;
    int64_t size;
};

static void see_old(const char *id, void *arg)
{
    struct seen *seen = arg;

    assert_true(strcmp(id, "first") == 0 || strcmp(id, "second") == 0);
    seen->old++;
}

static void see_part(int number, int64_t size, const char *etag, void *arg)
{
    struct seen *seen = arg;

    assert_true(number == 1 || number == 3);
    assert_string_equal(etag, "0123456789abcdef0123456789abcdef");
    seen->parts++;
    seen->size += size;
}

/* Going on with another file's upload would give one file the parts of another. */
static void uploads_and_parts_of_a_store_are_read(void **state)
{
    static const char uploads[] =
        "<ListMultipartUploadsResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
        "<Upload><Key>k</Key><UploadId>first</UploadId><Initiated>2026-01-01T00:00:00.000Z"
        "</Initiated></Upload>"
        "<Upload><Key>k</Key><UploadId>newest</UploadId><Initiated>2026-01-03T00:00:00.000Z"
        "</Initiated></Upload>"
        "<Upload><Key>k</Key><UploadId>second</UploadId><Initiated>2026-01-02T00:00:00.000Z"
        "</Initiated></Upload>"
        "<Upload><Key>kk</Key><UploadId>other</UploadId><Initiated>2027-01-01T00:00:00.000Z"
        "</Initiated></Upload></ListMultipartUploadsResult>";
    static const char parts[] =
        "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>3"
        "</NextPartNumberMarker>"
        "<Part><PartNumber>1</PartNumber><ETag>\"0123456789abcdef0123456789abcdef\"</ETag>"
        "<Size>5</Size></Part>"
        "<Part><PartNumber>99999</PartNumber><ETag>x</ETag><Size>5</Size></Part>"
        "<Part><PartNumber>2</PartNumber><ETag>x</ETag><Size>-5</Size></Part>"
        "<Part><PartNumber>3</PartNumber><ETag>0123456789abcdef0123456789abcdef</ETag>"
        "<Size>7</Size></Part></ListPartsResult>";
    static const char begun[] = "<InitiateMultipartUploadResult><UploadId>an id"
                                "</UploadId></InitiateMultipartUploadResult>";
    struct seen seen = {0};
    char id[FL_S3_ID_MAX];
    int next = -1;
    struct fl_err err = {0};

    (void)state;
    assert_ok(
        fl_s3_take_uploads("k", id, sizeof(id), see_old, &seen, uploads, strlen(uploads), &err),
        err);
    assert_string_equal(id, "newest");
    assert_int_equal(seen.old, 2);
    assert_ok(fl_s3_take_parts(see_part, &seen, &next, parts, strlen(parts), &err), err);
    assert_int_equal(next, 3);
    assert_int_equal(seen.parts, 2);
    assert_int_equal(seen.size, 12);
    assert_ok(fl_s3_take_upload(id, sizeof(id), begun, strlen(begun), &err), err);
    assert_string_equal(id, "an id");
    assert_fails_with(fl_s3_take_upload(id, sizeof(id), "<a/>", 4, &err), FL_E_DATA, err, "no id");
    assert_true(fl_s3_is_error("<Error><Code>x</Code></Error>", 29));
    assert_false(fl_s3_is_error("<Result><Error/></Result>", 25));
    assert_false(fl_s3_is_error("nonsense", 8));
}

static int see_nothing(const char *name, const char *text, struct fl_err *reterr, void *arg)
{
    (void)name;
    (void)text;
    (void)reterr;
    (void)arg;
    return 0;
}

/* A server must not be able to make us use up memory, or read files. */
static void answers_that_are_meant_to_harm_are_refused(void **state)
{
    static const char entity[] = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>";
    char *deep = malloc(4096);
    char *wide = malloc(FL_XML_TEXT_MAX + 100);
    size_t used = 0;
    struct fl_err err = {0};

    (void)state;
    assert_non_null(deep);
    assert_non_null(wide);
    assert_fails_with(fl_xml_walk(entity, strlen(entity), see_nothing, &err, NULL), FL_E_PARSE, err,
                      "document type");
    for (int i = 0; i <= FL_XML_DEPTH_MAX; i++)
        used += (size_t)snprintf(deep + used, 4096 - used, "<a>");
    assert_fails_with(fl_xml_walk(deep, used, see_nothing, &err, NULL), FL_E_TOO_BIG, err,
                      "deeper");
    memset(wide, 'x', FL_XML_TEXT_MAX + 99);
    memcpy(wide, "<a>", 3);
    assert_fails_with(fl_xml_walk(wide, FL_XML_TEXT_MAX + 99, see_nothing, &err, NULL),
                      FL_E_TOO_BIG, err, "longer");
    assert_fails_with(fl_xml_walk("<a><b></a>", 10, see_nothing, &err, NULL), FL_E_PARSE, err,
                      "line 1");
    free(deep);
    free(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_an_sftp_server_are_read),
        cmocka_unit_test(folders_of_a_webdav_server_are_read),
        cmocka_unit_test(uploads_and_parts_of_a_store_are_read),
        cmocka_unit_test(answers_that_are_meant_to_harm_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
