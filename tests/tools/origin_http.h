#ifndef FL_TOOLS_ORIGIN_HTTP_H
#define FL_TOOLS_ORIGIN_HTTP_H

/* The HTTP side of the test origin: a document root with HEAD, byte ranges, validators and
 * conditional requests, as the web servers of real data sources answer, bent by the rules.
 * Owns: the listening socket and a thread for each connection. Threads: start and stop from one.
 * Limits: FL_ORIGIN_CONNECTIONS_MAX connections. */

#include "tests/tools/origin_rules.h"

#define FL_ORIGIN_CONNECTIONS_MAX 256

struct fl_origin;

/* Listens on host:port (loopback only; port 0: any free one). root and rules are borrowed.
 * FL_E_NOENT without a root folder, FL_E_REFUSED for another address, FL_E_NET. */
int fl_origin_start(const char *root, const char *listen, struct fl_rules *rules, bool log,
                    struct fl_origin **ret_origin, struct fl_err *reterr);
unsigned fl_origin_port(const struct fl_origin *origin);
/* Ends all connections. */
void fl_origin_stop(struct fl_origin *origin);
FL_DEFINE_AUTO(struct fl_origin *, fl_origin_stop)

#endif
