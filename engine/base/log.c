/* The log sink. */
#include "config.h"

#include "engine/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/banned.h"

#define LOG_LINE_MAX 2048

static struct {
    const char *name;
    enum fl_log_level level;
} log_sink = {"fairlead", FL_LOG_INFO};

static const char *level_name(enum fl_log_level level)
{
    switch (level) {
    case FL_LOG_DEBUG:
        return "debug";
    case FL_LOG_INFO:
        return "info";
    case FL_LOG_WARN:
        return "warn";
    case FL_LOG_ERROR:
        return "error";
    }
    return "error";
}

void fl_log_init(const char *name, enum fl_log_level level)
{
    fl_assert(name);
    log_sink.name = name;
    log_sink.level = level;
}

void fl_log(enum fl_log_level level, const char *event, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    struct timespec now = {0};
    struct tm utc = {0};
    va_list args;
    int used;

    if (level < log_sink.level)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with a valid clock id */
    (void)gmtime_r(&now.tv_sec, &utc);
    used = snprintf(line, sizeof(line), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s %s ",
                    utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                    utc.tm_sec, now.tv_nsec / 1000000L, log_sink.name, level_name(level), event);
    fl_assert(used > 0 && (size_t)used < sizeof(line));
    va_start(args, fmt);
    used += vsnprintf(line + used, sizeof(line) - (size_t)used, fmt, args);
    va_end(args);
    if ((size_t)used > sizeof(line) - 2)
        used = (int)sizeof(line) - 2;
    line[used] = '\n';
    if (write(STDERR_FILENO, line, (size_t)used + 1) < 0)
        return; /* nowhere left to say it */
}
