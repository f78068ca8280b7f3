#ifndef FL_BASE_LOG_H
#define FL_BASE_LOG_H

/* One line an entry for people: UTC time, level, event name, key=value text.
 * Only the mains log; libraries return errors.
 * Owns: the log sink (level, prefix), the one writable global that is allowed. Threads: any.
 * Limits: 2 KiB a line. */

#include "engine/base/macro.h"

enum fl_log_level { FL_LOG_DEBUG, FL_LOG_INFO, FL_LOG_WARN, FL_LOG_ERROR };

/* Program name put into each line, and the lowest level shown (default INFO). name must outlive all
 * logging. */
void fl_log_init(const char *name, enum fl_log_level level);

/* fl_log(FL_LOG_WARN, "transfer.retry", "file='%s' try=%d of=%d", name, n, max); to standard error.
 */
void fl_log(enum fl_log_level level, const char *event, const char *fmt, ...) FL_PRINTF(3, 4);

#endif
