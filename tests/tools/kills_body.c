/* The body of a stage of the kill test.
 *   kills_body TRAIL MILLISECONDS [--steps N OUTPUT | FILE]
 * Appends to TRAIL, one write a line: "S NAME ATTEMPT NANOSECONDS" at its start, "E ..." at its
 * end, and "F ..." when there is no space, and "O ..." when another body of the same stage still
 * lives: each holds a lock on TRAIL.locks/NAME, which its descendants inherit and the kernel takes
 * back from the dead. A long one has a child that leaves its process group. FILE (in the attempt's
 * out folder) is made of the inputs alone, in two pieces; --steps makes N files, step.fLLL.txt, and
 * tells each by the socket.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/path.h"

#include "engine/base/banned.h"

#define LONG_MS 100
#define INPUTS_MAX 1024
#define EXIT_SPACE 75 /* may pass: the disk is full */
#define EXIT_TRAIL 74

struct body {
    const char *trail;
    char name[256]; /* "post.+003" */
    const char *attempt;
    long wait_ms;
};

static void trail(const struct body *body, char what)
{
    struct timespec now;
    char line[512];
    int fd = open(body->trail, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    int size;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    size = snprintf(line, sizeof(line), "%c %s %s %lld%09ld\n", what, body->name, body->attempt,
                    (long long)now.tv_sec, now.tv_nsec);
    if (fd < 0 || size < 0 || (size_t)size >= sizeof(line) || write(fd, line, (size_t)size) != size)
        exit(EXIT_TRAIL);
    (void)close(fd);
}

/* No space: it may pass, and is tried again. */
static _Noreturn void give_up(const struct body *body, const char *what)
{
    perror(what);
    trail(body, 'F');
    exit(EXIT_SPACE);
}

static void pass(long ms)
{
    struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&span, NULL);
}

/* Not closed until death: the lock is the mark of life. */
static void lock(const struct body *body)
{
    char path[FL_PATH_MAX];
    int fd;

    (void)snprintf(path, sizeof(path), "%s.locks/%s", body->trail, body->name);
    fd = open(path, O_RDWR | O_CREAT, 0644);
    if (fd < 0)
        exit(EXIT_TRAIL);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        trail(body, 'O');
}

static uint64_t mix(uint64_t h, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        h = (h ^ (uint8_t)data[i]) * UINT64_C(1099511628211);
    return h;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Of the names and contents of all inputs, in the order of their names. */
static uint64_t inputs_hash(const struct body *body, uint64_t h)
{
    char *names[INPUTS_MAX];
    size_t count = 0;
    DIR *dir = opendir(".");
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "inputs.json") != 0 &&
            count < INPUTS_MAX)
            names[count++] = strdup(entry->d_name);
    if (dir)
        (void)closedir(dir);
    qsort(names, count, sizeof(*names), compare);
    for (size_t i = 0; i < count; i++) {
        char data[4096];
        int fd = open(names[i], O_RDONLY | O_CLOEXEC);
        ssize_t got = fd < 0 ? -1 : read(fd, data, sizeof(data));

        if (got < 0)
            give_up(body, names[i]);
        h = mix(mix(h, names[i], strlen(names[i])), data, (size_t)got);
        (void)close(fd);
        free(names[i]);
    }
    return h;
}

/* In two pieces with a pause between: a kill may find half of it. */
static void make_file(const struct body *body, const char *path, uint64_t h)
{
    char text[64];
    int size = snprintf(text, sizeof(text), "%016llx\n%016llx\n", (unsigned long long)h,
                        (unsigned long long)mix(h, path, 1));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, text, 17) != 17)
        give_up(body, path);
    pass(body->wait_ms);
    if (write(fd, text + 17, (size_t)size - 17) != size - 17 || close(fd) != 0)
        give_up(body, path);
}

static void tell(const struct body *body, const char *output, long lead, const char *file)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *path = getenv("FAIRLEAD_SOCKET");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char text[256];
    int size =
        snprintf(text, sizeof(text),
                 "{\"type\":\"output\",\"output\":\"%s\",\"lead\":\"+%03ld\",\"file\":\"%s\"}",
                 output, lead, file);

    if (!path || fd < 0 ||
        (size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path) >= sizeof(to.sun_path))
        give_up(body, "FAIRLEAD_SOCKET");
    /* a supervisor that was killed hears nothing; it finds the file, or the stage runs again */
    (void)sendto(fd, text, (size_t)size, 0, (const struct sockaddr *)&to, sizeof(to));
    (void)close(fd);
}

static void make_steps(const struct body *body, long count, const char *output)
{
    for (long i = 0; i < count; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "../out/step.f%03ld.txt", i);
        make_file(body, path, (uint64_t)i * 7919 + 1);
        tell(body, output, i, path + strlen("../out/"));
    }
}

/* One that leaves the group and the session, and lives as long as its parent would. */
static void make_child(long ms)
{
    pid_t pid = fork();

    if (pid != 0)
        return;
    (void)setsid();
    pass(ms);
    _exit(0);
}

int main(int argc, char **argv)
{
    const char *stage = getenv("FAIRLEAD_STAGE");
    const char *lead = getenv("FAIRLEAD_LEAD");
    struct body body = {.attempt = getenv("FAIRLEAD_ATTEMPT")};
    uint64_t h;

    if (argc < 3 || !stage || !body.attempt)
        return 64;
    body.trail = argv[1];
    body.wait_ms = strtol(argv[2], NULL, 10);
    (void)snprintf(body.name, sizeof(body.name), "%s%s%s", stage, lead ? "." : "",
                   lead ? lead : "");
    lock(&body);
    trail(&body, 'S');
    if (body.wait_ms >= LONG_MS)
        make_child(body.wait_ms);
    h = inputs_hash(&body, mix(UINT64_C(14695981039346656037), body.name, strlen(body.name)));
    if (argc == 6 && strcmp(argv[3], "--steps") == 0)
        make_steps(&body, strtol(argv[4], NULL, 10), argv[5]);
    else if (argc == 4)
        make_file(&body, argv[3], h);
    else
        pass(body.wait_ms);
    trail(&body, 'E');
    return 0;
}
