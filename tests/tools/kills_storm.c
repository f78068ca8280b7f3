/* The storm: starts the daemons, kills them and the supervisors at random instants, and starts what
 * it has killed again at once, until the run has ended.
 * Owns: the daemons, and by PR_SET_CHILD_SUBREAPER all that they leave behind. Threads: one.
 * Limits: PATIENCE_S without a sign of life from any body. */
#include "config.h"

#include "tests/tools/kills.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/path.h"

#include "engine/base/banned.h"

#define PATIENCE_S 60
#define PATIENCE_NS ((int64_t)PATIENCE_S * 1000000000)
#define FILL_EVERY 4     /* so many kills from one full disk to the next */
#define EXIT_NO_SPACE 75 /* of a daemon that is started on a full disk */
#define VICTIMS_MAX 256
#define DELAY_MAX_NS ((int64_t)20 * 1000000)
#define PER_MILLE_OF_LINES 950 /* the last kill comes before so much of the trail is written */

struct storm {
    const char *dir;
    struct kills_random random;
    char state[FL_PATH_MAX];
    char trail[FL_PATH_MAX];
    char log[FL_PATH_MAX];
    char site[FL_PATH_MAX];    /* "local=DIR/local" */
    char folders[FL_PATH_MAX]; /* DIR/local/work/ */
    char keys[FL_PATH_MAX];
    char endpoint[128];
    pid_t coordinator;
    pid_t worker;
    int trail_fd;
    int notify_fd;
    int signals_fd;
    FILE *kills;
    long fills; /* times that the disk is still to be full */
    char ballast[FL_PATH_MAX];
    int64_t full_until_ns; /* 0: there is space */
    long lines;            /* of the trail */
    long killed;
    bool last_ended;
    char rest[512]; /* of the trail's last line */
    size_t rest_size;
};

static int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int wrong(const char *what, const char *about)
{
    (void)printf("storm: %s '%s'\n", what, about);
    return 1;
}

/* Starts a program of PATH, its words going to the log, or its output to out when that is >= 0. */
static pid_t start(const struct storm *storm, const char *const *argv, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    pid_t pid = -1;
    int rc;

    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 2, storm->log, O_WRONLY | O_CREAT | O_APPEND,
                                           0644);
    (void)posix_spawn_file_actions_adddup2(&actions, out >= 0 ? out : 2, 1);
    rc = posix_spawnp(&pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    return rc == 0 ? pid : -1;
}

static int finish(pid_t pid)
{
    int status = 0;

    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The endpoint in the line that fairleadd prints when it is ready. 0, 1. */
static int read_endpoint(struct storm *storm, int fd)
{
    char line[1024];
    size_t size = 0;
    const char *from;
    size_t length;

    while (size < sizeof(line) - 1 && read(fd, line + size, 1) == 1 && line[size] != '\n')
        size++;
    line[size] = '\0';
    from = strstr(line, "\"endpoint\":\"");
    if (!from)
        return wrong("the coordinator did not start", line);
    from += strlen("\"endpoint\":\"");
    length = strcspn(from, "\"");
    (void)snprintf(storm->endpoint, sizeof(storm->endpoint), "%.*s", (int)length, from);
    return 0;
}

/* The first time its address is picked and read; later it comes back at the same one. */
static int start_coordinator(struct storm *storm)
{
    bool first = !storm->endpoint[0];
    const char *const argv[] = {"fairleadd",
                                "--state",
                                storm->state,
                                "--listen",
                                first ? "tcp://127.0.0.1:0" : storm->endpoint,
                                NULL};
    int out[2] = {-1, -1};
    int rc = 0;

    if (first && pipe2(out, O_CLOEXEC) != 0)
        return wrong("no pipe", "");
    storm->coordinator = start(storm, argv, out[1]);
    if (first) {
        (void)close(out[1]);
        rc = read_endpoint(storm, out[0]);
        (void)close(out[0]);
    }
    return storm->coordinator < 0 ? wrong("cannot start", argv[0]) : rc;
}

static int start_worker(struct storm *storm)
{
    const char *const argv[] = {"fairlead-worker",
                                "--name",
                                "node1",
                                "--coordinator",
                                storm->endpoint,
                                "--keys",
                                storm->keys,
                                "--site",
                                storm->site,
                                "--pool",
                                "local:site=local,cores=8,jobs=8",
                                "--no-doors",
                                NULL};

    storm->worker = start(storm, argv, -1);
    return storm->worker < 0 ? wrong("cannot start", argv[0]) : 0;
}

static int begin(struct storm *storm, const char *flow)
{
    const char *const keys[] = {"fairlead", "keys",       "setup", "node1",
                                "--state",  storm->state, NULL};
    const char *const submit[] = {"fairlead",       "submit",  flow,         "--cycle",
                                  "20261124T0000Z", "--state", storm->state, NULL};

    if (finish(start(storm, keys, -1)) != 0)
        return wrong("no keys below", storm->state);
    if (start_coordinator(storm) != 0 || start_worker(storm) != 0)
        return 1;
    return finish(start(storm, submit, -1)) == 0 ? 0 : wrong("cannot submit", flow);
}

/* ------------------------------------------------------------------ victims */

/* True for a supervisor that our worker, or one before it, has started. */
static bool is_supervisor(const struct storm *storm, const char *pid)
{
    char path[64];
    char line[512];
    FILE *file;
    const char *after;
    int parent = 0;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    after = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    (void)fclose(file);
    return after && strstr(line, "(fairlead-superv)") && sscanf(after, ") %*c %d", &parent) == 1 &&
           (parent == getpid() || parent == storm->worker);
}

/* The attempt's folder that a supervisor holds, by the files that it has open; "" when none. */
static void supervisor_folder(const struct storm *storm, const char *pid, char *folder, size_t size)
{
    char path[FL_PATH_MAX];
    DIR *dir;
    struct dirent *entry;

    folder[0] = '\0';
    (void)snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    dir = opendir(path);
    while (dir && !folder[0] && (entry = readdir(dir)) != NULL) {
        char target[FL_PATH_MAX];
        ssize_t got;
        char *end;
        int slashes = 0;

        (void)snprintf(path, sizeof(path), "/proc/%.20s/fd/%.20s", pid, entry->d_name);
        got = readlink(path, target, sizeof(target) - 1);
        target[got > 0 ? got : 0] = '\0';
        if (strncmp(target, storm->folders, strlen(storm->folders)) != 0)
            continue;
        end = target + strlen(storm->folders); /* WORKFLOW/CYCLE/STAGE/ATTEMPT/... */
        while (*end && (*end != '/' || ++slashes < 4))
            end++;
        if (slashes == 4)
            (void)snprintf(folder, size, "%.*s", (int)(end - target), target);
    }
    if (dir)
        (void)closedir(dir);
}

struct victim {
    pid_t pid;
    char folder[FL_PATH_MAX]; /* "": it waits for an attempt */
};

static size_t find_supervisors(const struct storm *storm, struct victim *victims)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;

    while (dir && count < VICTIMS_MAX && (entry = readdir(dir)) != NULL) {
        struct victim *victim = &victims[count];

        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
            !is_supervisor(storm, entry->d_name))
            continue;
        supervisor_folder(storm, entry->d_name, victim->folder, sizeof(victim->folder));
        victim->pid = (pid_t)strtol(entry->d_name, NULL, 10);
        count++;
    }
    if (dir)
        (void)closedir(dir);
    return count;
}

/* "post.+003 2" of ".../post.f003/2": the name as the bodies write it. */
static void victim_name(const char *folder, char *name, size_t size)
{
    const char *attempt = fl_path_base(folder);
    const char *end = attempt - 1;
    const char *stage = end;
    const char *key;

    while (stage > folder && stage[-1] != '/')
        stage--;
    key = memchr(stage, '.', (size_t)(end - stage));
    if (key)
        (void)snprintf(name, size, "%.*s.+%.*s %s", (int)(key - stage), stage, (int)(end - key - 2),
                       key + 2, attempt);
    else
        (void)snprintf(name, size, "%.*s %s", (int)(end - stage), stage, attempt);
}

/* One of those that live, rather one that holds an attempt. The note is made before, so that a kill
 * is never without one; and again when it has taken another attempt meanwhile. */
static bool kill_supervisor(struct storm *storm)
{
    struct victim *victims = calloc(VICTIMS_MAX, sizeof(*victims));
    size_t count = victims ? find_supervisors(storm, victims) : 0;
    size_t first = count > 0 ? kills_draw(&storm->random, count) : 0;
    size_t at = first;
    bool idle_too = kills_draw(&storm->random, 8) == 0;
    bool done = false;

    for (size_t i = 0; i < count && !idle_too && !victims[at].folder[0]; i++)
        at = (first + i) % count;
    if (count > 0) {
        struct victim *victim = &victims[at];
        int fd = (int)syscall(SYS_pidfd_open, victim->pid, 0);
        char text[24];
        char name[512] = "idle";

        (void)snprintf(text, sizeof(text), "%ld", (long)victim->pid);
        if (fd >= 0 && is_supervisor(storm, text)) { /* still the same process */
            (void)kill(victim->pid, SIGSTOP);        /* holds what it holds now, until it is dead */
            supervisor_folder(storm, text, victim->folder, sizeof(victim->folder));
            if (victim->folder[0])
                victim_name(victim->folder, name, sizeof(name));
            (void)fprintf(storm->kills, "K supervisor %s\n", name);
            done = syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0;
        }
        if (fd >= 0)
            (void)close(fd);
    }
    free(victims);
    return done;
}

static int kill_daemon(struct storm *storm, bool coordinator)
{
    pid_t *pid = coordinator ? &storm->coordinator : &storm->worker;

    (void)fprintf(storm->kills, "K %s\n", coordinator ? "coordinator" : "worker");
    if (*pid > 0)
        (void)kill(*pid, SIGKILL);
    (void)finish(*pid);
    *pid = -1;
    return coordinator ? start_coordinator(storm) : start_worker(storm);
}

/* Leaves no byte for anybody. */
static void fill_disk(struct storm *storm)
{
    static const char zeros[65536];
    int fd = open(storm->ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    for (size_t size = sizeof(zeros); fd >= 0 && size > 0; size /= 2)
        while (write(fd, zeros, size) > 0)
            ;
    (void)close(fd);
    storm->fills--;
    storm->full_until_ns =
        now_ns() + INT64_C(300000000) + (int64_t)kills_draw(&storm->random, 600000000);
    (void)fprintf(storm->kills, "F disk\n");
}

/* What would not start without space starts now. */
static int free_disk(struct storm *storm)
{
    int rc = 0;

    (void)unlink(storm->ballast);
    storm->full_until_ns = 0;
    if (storm->coordinator < 0)
        rc = start_coordinator(storm);
    if (rc == 0 && storm->worker < 0)
        rc = start_worker(storm);
    return rc;
}

static int kill_one(struct storm *storm)
{
    uint64_t which = kills_draw(&storm->random, 10);

    storm->killed++;
    if (which < 4 && kill_supervisor(storm))
        return 0;
    return kill_daemon(storm, which % 2 == 0);
}

/* ------------------------------------------------------------------ the run */

static void take_line(struct storm *storm, const char *line)
{
    storm->lines++;
    storm->last_ended |= strncmp(line, "E " KILLS_LAST " ", strlen("E " KILLS_LAST " ")) == 0;
}

static void read_trail(struct storm *storm)
{
    char byte[8192];
    ssize_t got;

    while ((got = read(storm->trail_fd, byte, sizeof(byte))) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (byte[i] == '\n') {
                storm->rest[storm->rest_size] = '\0';
                take_line(storm, storm->rest);
                storm->rest_size = 0;
            } else if (storm->rest_size < sizeof(storm->rest) - 1) {
                storm->rest[storm->rest_size++] = byte[i];
            }
        }
    }
}

/* Takes up the dead. 1 when a daemon has ended that nobody killed; but on a full disk it may, and
 * say so, and is started again when there is space. */
static int reap(struct storm *storm)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(storm->signals_fd, &info, sizeof(info)) > 0)
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == storm->coordinator)
            storm->coordinator = -1;
        else if (pid == storm->worker)
            storm->worker = -1;
        else
            continue;
        if (storm->full_until_ns > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_SPACE)
            continue;
        (void)printf("storm: exit %d, signal %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                     WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        return wrong("ended by itself", storm->worker < 0 ? "worker" : "coordinator");
    }
    return 0;
}

/* Waits until a body writes something, a child ends, or it is due. */
static int pause_until(struct storm *storm, int64_t due_ns)
{
    struct pollfd fds[2] = {{.fd = storm->notify_fd, .events = POLLIN},
                            {.fd = storm->signals_fd, .events = POLLIN}};
    int64_t left_ns = due_ns - now_ns();
    struct timespec span = {.tv_sec = left_ns > 0 ? left_ns / 1000000000 : 0,
                            .tv_nsec = left_ns > 0 ? left_ns % 1000000000 : 0};
    char events[4096];

    if (ppoll(fds, 2, &span, NULL) < 0 && errno != EINTR)
        return wrong("cannot wait", strerror(errno));
    while (read(storm->notify_fd, events, sizeof(events)) > 0)
        ;
    read_trail(storm);
    return reap(storm);
}

static int compare(const void *a, const void *b)
{
    long x = *(const long *)a;
    long y = *(const long *)b;

    return (x > y) - (x < y);
}

static int64_t wake_ns(const struct storm *storm, int64_t due_ns)
{
    return storm->full_until_ns > 0 && storm->full_until_ns < due_ns ? storm->full_until_ns
                                                                     : due_ns;
}

/* Kills whenever the trail has come to one of some drawn lengths, a moment later. */
static int rage(struct storm *storm, const long *marks, long kills)
{
    int64_t due_ns = 0;
    int64_t heard_ns = now_ns();
    long heard = 0;
    long next = 0;

    while (!storm->last_ended || storm->full_until_ns > 0) {
        bool near = next < kills && storm->lines >= marks[next];

        if (near && due_ns == 0)
            due_ns = now_ns() + (int64_t)kills_draw(&storm->random, (uint64_t)DELAY_MAX_NS);
        if (storm->full_until_ns > 0 && now_ns() >= storm->full_until_ns) {
            if (free_disk(storm) != 0)
                return 1;
            continue;
        }
        if (near && now_ns() >= due_ns) {
            if (storm->fills > 0 && storm->full_until_ns == 0 &&
                next % FILL_EVERY == FILL_EVERY - 1)
                fill_disk(storm);
            if (kill_one(storm) != 0)
                return 1;
            due_ns = 0;
            next++;
            continue;
        }
        if (pause_until(storm, wake_ns(storm, near ? due_ns : heard_ns + PATIENCE_NS)) != 0)
            return 1;
        if (storm->lines != heard) {
            heard = storm->lines;
            heard_ns = now_ns();
        }
        if (now_ns() - heard_ns >= PATIENCE_NS)
            return wrong("nothing has happened for too long; state", storm->state);
    }
    return 0;
}

/* Follows the record until it tells the end of the run. */
static int await_end(struct storm *storm)
{
    const char *const argv[] = {"fairlead", "events",     "--follow", "--json",
                                "--state",  storm->state, NULL};
    struct pollfd fd = {.events = POLLIN};
    int out[2];
    pid_t pid;
    char line[4096];
    size_t size = 0;
    bool ended = false;

    if (pipe2(out, O_CLOEXEC) != 0)
        return wrong("no pipe", "");
    pid = start(storm, argv, out[1]);
    (void)close(out[1]);
    fd.fd = out[0];
    while (!ended && poll(&fd, 1, PATIENCE_S * 1000) > 0) {
        ssize_t got = read(out[0], line + size, 1);

        if (got <= 0)
            break;
        if (line[size] == '\n') {
            line[size] = '\0';
            ended = strstr(line, "\"type\":\"run-ended\"") != NULL;
            size = 0;
        } else if (size < sizeof(line) - 2) {
            size++;
        }
    }
    (void)close(out[0]);
    if (pid > 0)
        (void)kill(pid, SIGKILL);
    (void)finish(pid);
    return ended ? 0 : wrong("the record does not tell the end of the run; state", storm->state);
}

static int make_ready(struct storm *storm, const char *dir, uint64_t seed, long fills)
{
    const char *disk = fills > 0 ? "/disk" : "";
    char path[FL_PATH_MAX];
    sigset_t signals;

    storm->dir = dir;
    storm->random.state = seed;
    storm->coordinator = storm->worker = -1;
    storm->fills = fills;
    (void)snprintf(storm->ballast, sizeof(storm->ballast), "%s%s/ballast", dir, disk);
    (void)snprintf(storm->state, sizeof(storm->state), "%s%s/state", dir, disk);
    (void)snprintf(storm->trail, sizeof(storm->trail), "%s/trail", dir);
    (void)snprintf(storm->log, sizeof(storm->log), "%s/log", dir);
    (void)snprintf(storm->site, sizeof(storm->site), "local=%s%s/local", dir, disk);
    (void)snprintf(storm->folders, sizeof(storm->folders), "%s%s/local/work/", dir, disk);
    (void)snprintf(storm->keys, sizeof(storm->keys), "%s%s/state/keys", dir, disk);
    (void)snprintf(path, sizeof(path), "%s/kills", dir);
    storm->kills = fopen(path, "we");
    storm->trail_fd = open(storm->trail, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    storm->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    storm->signals_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (!storm->kills || storm->trail_fd < 0 || storm->signals_fd < 0 ||
        inotify_add_watch(storm->notify_fd, storm->trail, IN_MODIFY) < 0 ||
        prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) != 0)
        return wrong("cannot begin in", dir);
    (void)setvbuf(storm->kills, NULL, _IOLBF, 0);
    return 0;
}

/* Until all that came from here is gone: the idle supervisors, when their worker is, too. */
static int await_silence(struct storm *storm)
{
    int64_t until_ns = now_ns() + INT64_C(10) * 1000000000;
    struct signalfd_siginfo info;
    pid_t pid;

    for (;;) {
        struct pollfd fd = {.fd = storm->signals_fd, .events = POLLIN};
        int64_t left_ns = until_ns - now_ns();

        while (read(storm->signals_fd, &info, sizeof(info)) > 0)
            ;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            ;
        if (pid < 0)
            return 0;
        if (left_ns <= 0)
            return wrong("processes are left", storm->dir);
        (void)poll(&fd, 1, (int)(left_ns / 1000000) + 1);
    }
}

/* Ends all that is left; it should be no more than the daemons. */
static int end(struct storm *storm, int code)
{
    struct victim *victims = calloc(VICTIMS_MAX, sizeof(*victims));
    pid_t daemons[] = {storm->worker, storm->coordinator};
    size_t left;

    for (size_t i = 0; i < FL_COUNT(daemons); i++) {
        if (daemons[i] <= 0)
            continue;
        (void)kill(daemons[i], code ? SIGKILL : SIGTERM);
        if (finish(daemons[i]) != 0 && code == 0)
            code = wrong("did not end well", i ? "coordinator" : "worker");
    }
    if (code == 0)
        code = await_silence(storm);
    storm->worker = getpid();
    left = code && victims ? find_supervisors(storm, victims) : 0;
    for (size_t i = 0; i < left; i++) {
        (void)wrong("a supervisor is left for", victims[i].folder);
        (void)kill(victims[i].pid, SIGTERM); /* it ends its body first */
    }
    free(victims);
    if (storm->kills)
        (void)fclose(storm->kills);
    return code;
}

int kills_storm(const char *dir, const char *flow, uint64_t seed, long kills, long stages,
                long fills)
{
    struct storm storm = {.kills = NULL};
    long *marks = calloc((size_t)kills + 1, sizeof(*marks));
    long most = 2 * stages * PER_MILLE_OF_LINES / 1000;
    int code = !marks || kills > KILLS_MAX || make_ready(&storm, dir, seed, fills) != 0;

    for (long i = 0; i < kills && !code; i++)
        marks[i] = 1 + (long)kills_draw(&storm.random, (uint64_t)most);
    if (!code) {
        qsort(marks, (size_t)kills, sizeof(*marks), compare);
        code = begin(&storm, flow);
    }
    if (!code)
        code = rage(&storm, marks, kills);
    if (!code)
        code = await_end(&storm);
    if (!code)
        (void)printf("%ld kills over %ld lines\n", storm.killed, storm.lines);
    if (!code && storm.killed != kills)
        code = wrong("not all kills came", dir);
    free(marks);
    return end(&storm, code);
}
