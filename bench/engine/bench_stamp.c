/* The body of a measured stage: appends when it starts and when it ends.
 *   bench_stamp FILE NAME [MILLISECONDS]
 * Lines of one write each: "S NANOSECONDS NAME" and "E NANOSECONDS NAME", by the clock of the day.
 * Needs nothing but the C library, so that a start costs what a start costs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int append(int fd, char what, const char *name)
{
    struct timespec now;
    char line[256];
    int size;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    size = snprintf(line, sizeof(line), "%c %lld%09ld %s\n", what, (long long)now.tv_sec,
                    now.tv_nsec, name);
    if (size < 0 || (size_t)size >= sizeof(line))
        return -1;
    return write(fd, line, (size_t)size) == size ? 0 : -1;
}

int main(int argc, char **argv)
{
    long wait_ms = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    struct timespec span = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    int fd;

    if (argc < 3)
        return 64;
    fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || append(fd, 'S', argv[2]) < 0)
        return 74;
    if (wait_ms > 0)
        (void)nanosleep(&span, NULL);
    return append(fd, 'E', argv[2]) < 0 ? 74 : 0;
}
