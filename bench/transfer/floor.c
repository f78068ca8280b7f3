/* The least that fetching byte ranges can cost: libcurl's multi interface and pwrite, nothing
 * looked at. What fairlead-transfer is held against. floor URL RANGES OUT CONNECTIONS [CA.pem]
 * RANGES has lines "first last" [bytes]; they are put behind each other in OUT. */
#include "config.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/macro.h"

#include "engine/base/banned.h"

#define RANGES_MAX 100000

struct range {
    long long first;
    long long last;
    int64_t at; /* in OUT, of the next byte */
    int fd;
};

static size_t put(char *data, size_t one, size_t size, void *arg)
{
    struct range *range = arg;
    ssize_t n = pwrite(range->fd, data, size, range->at);

    (void)one;
    range->at += n > 0 ? n : 0;
    return n > 0 ? (size_t)n : 0;
}

static int add(CURLM *multi, char **argv, int argc, struct range *range)
{
    CURL *easy = curl_easy_init();
    char text[64];

    if (!easy)
        return -1;
    (void)snprintf(text, sizeof(text), "%lld-%lld", range->first, range->last);
    (void)curl_easy_setopt(easy, CURLOPT_URL, argv[1]); /* known options: what fails shows as bad */
    (void)curl_easy_setopt(easy, CURLOPT_RANGE, text);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, put);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, range);
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 262144L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    if (argc > 5)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, argv[5]);
    return curl_multi_add_handle(multi, easy) == CURLM_OK ? 0 : -1;
}

static size_t read_ranges(const char *path, int fd, struct range *ranges)
{
    FILE *file = fopen(path, "r");
    size_t count = 0;
    int64_t at = 0;

    while (file && count < RANGES_MAX &&
           fscanf(file, "%lld %lld", &ranges[count].first, &ranges[count].last) == 2) {
        ranges[count].at = at;
        ranges[count].fd = fd;
        at += ranges[count].last - ranges[count].first + 1;
        count++;
    }
    if (file)
        (void)fclose(file); /* only read */
    return count;
}

/* Takes out what has ended; how many were bad. */
static int reap(CURLM *multi, int *active)
{
    CURLMsg *message;
    int left;
    int bad = 0;

    while ((message = curl_multi_info_read(multi, &left))) {
        CURL *easy = message->easy_handle;
        long status = 0;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status); /* 0 is bad */
        bad += message->data.result != CURLE_OK || status != 206;
        (void)curl_multi_remove_handle(multi, easy); /* it is in */
        curl_easy_cleanup(easy);
        --*active;
    }
    return bad;
}

int main(int argc, char **argv)
{
    struct range *ranges = calloc(RANGES_MAX, sizeof(*ranges));
    int connections = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 0;
    int fd = argc > 4 ? open(argv[3], O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644) : -1;
    CURLM *multi = NULL;
    size_t count, next = 0;
    int active = 0, running = 0, bad = 0;

    if (!ranges || fd < 0 || connections < 1 || curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK ||
        !(multi = curl_multi_init())) {
        (void)fprintf(stderr, "usage: floor URL RANGES OUT CONNECTIONS [CA.pem]\n");
        return 78;
    }
    count = read_ranges(argv[2], fd, ranges);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
    while (bad == 0 && (next < count || active > 0)) {
        for (; bad == 0 && next < count && active < connections; active++)
            bad += add(multi, argv, argc, &ranges[next++]) < 0;
        (void)curl_multi_perform(multi, &running); /* what fails is a bad message */
        bad += reap(multi, &active);
        if (active > 0)
            (void)curl_multi_poll(multi, NULL, 0, 1000, NULL); /* the same */
    }
    (void)close(fd);
    free(ranges);
    return bad > 0 || count == 0;
}
