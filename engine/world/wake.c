/* Bells and signals as descriptors. */
#include "config.h"

#include "engine/world/wake.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "engine/base/banned.h"

int fl_wake_create(int *ret_fd, struct fl_err *reterr)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return fl_err_errno(reterr, errno, "make an event descriptor");
    *ret_fd = fd;
    return 0;
}

void fl_wake_ring(int fd)
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof(one));

    (void)n; /* fails only when it has been rung 2^64 times: it is readable all the same */
}

void fl_wake_clear(int fd)
{
    uint64_t count = 0;
    ssize_t n = read(fd, &count, sizeof(count));

    (void)n; /* nothing to read: it was clear */
}

int fl_signals_open(const int *signals, size_t count, int *ret_fd, struct fl_err *reterr)
{
    sigset_t set;
    int fd;
    int rc;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < count; i++)
        (void)sigaddset(&set, signals[i]);
    rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (rc != 0)
        return fl_err_errno(reterr, rc, "block signals");
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return fl_err_errno(reterr, errno, "make a signal descriptor");
    *ret_fd = fd;
    return 0;
}

void fl_signals_ignore(int number)
{
    struct sigaction action = {.sa_handler = SIG_IGN};

    (void)sigaction(number, &action, NULL); /* fails for numbers that are no signal alone */
}

int fl_signals_take(int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    return (int)info.ssi_signo;
}

void fl_wake_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}
