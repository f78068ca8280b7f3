#ifndef FL_LINES_SITE_H
#define FL_LINES_SITE_H

/* The site file: this site's name, keys and door, the lines to its peers, caps and the reserve.
 * fairlead-site(5) describes it. What belongs to other parts (providers, destinations, retention)
 * is checked to be of the right kind and handed out for them to read.
 * Owns: the settings; all texts live as long. Threads: any, once read.
 * Limits: FL_SITE_PEERS_MAX peers, FL_SITE_LINES_MAX lines each, FL_SITE_CAPS_MAX caps,
 * FL_SITE_BYTES_MAX bytes of file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data-fetch/command/settings.h"
#include "engine/base/path.h"

#define FL_SITE_BYTES_MAX ((size_t)1024 * 1024)
#define FL_SITE_NAME_MAX 64
#define FL_SITE_PEERS_MAX 64
#define FL_SITE_LINES_MAX 8
#define FL_SITE_CAPS_MAX 24
#define FL_SITE_CONNECTIONS_MAX 1024

/* One way to a peer. */
struct fl_line {
    const char *name;
    const char *local;   /* address or interface to send from; "" any */
    const char *peer;    /* "host:port" of the far door by this way */
    double weight;       /* its share before a rate is known; 1 unless told */
    int64_t cap_bytes_s; /* 0: none */
    bool burst;          /* joins only when a deadline asks for it */
    double cost;         /* of a MB (10^6 bytes) over it, for the record */
};

struct fl_site_peer {
    const char *site;
    struct fl_line lines[FL_SITE_LINES_MAX];
    size_t line_count;
};

/* From `from` until `until`, minutes of the UTC day; over midnight when from is the later one. */
struct fl_site_cap {
    int from_minute;
    int until_minute;
    int64_t cap_bytes_s;
};

struct fl_site {
    struct fl_settings *settings;
    const char *name;
    char keys[FL_PATH_MAX];    /* folder; "" when none */
    char secrets[FL_PATH_MAX]; /* folder that "secret:NAME" means; "" when none */
    const char *listen;        /* of the door; "" when none */
    int64_t connections;       /* that the door takes */
    struct fl_site_peer peers[FL_SITE_PEERS_MAX];
    size_t peer_count;
    struct fl_site_cap caps[FL_SITE_CAPS_MAX];
    size_t cap_count;
    int64_t reserve_percent; /* of each line, for transfers of operations */
    /* groups and lists of others; NULL when absent */
    const struct config_setting_t *providers;
    const struct config_setting_t *destinations;
    const struct config_setting_t *retention;
};

/* FL_E_NOENT, FL_E_TOO_BIG, FL_E_IO; FL_E_CONFIG with file and line. Free with fl_site_destroy. */
int fl_site_read(const struct fl_world *world, const char *path, struct fl_site **ret_site,
                 struct fl_err *reterr);
/* The same from a text (relative paths are kept as they are). */
int fl_site_parse(const char *text, const char *path, struct fl_site **ret_site,
                  struct fl_err *reterr);
void fl_site_destroy(struct fl_site *site);
FL_DEFINE_AUTO(struct fl_site *, fl_site_destroy)

/* --site FILE (path), else what FAIRLEAD_SITE names, else none: *ret_site is NULL. */
int fl_site_find(const struct fl_world *world, const char *path, struct fl_site **ret_site,
                 struct fl_err *reterr);

/* Where its keys lie, as `fairlead keys` made them. */
struct fl_site_keys {
    char ca[FL_PATH_MAX];
    char cert[FL_PATH_MAX];
    char key[FL_PATH_MAX];
};
/* False when the site has none, or their folder's name is too long. */
bool fl_site_keys(const struct fl_site *site, struct fl_site_keys *ret_keys);

/* NULL when there is no such peer, or no site. */
const struct fl_site_peer *fl_site_peer(const struct fl_site *site, const char *name);
/* The least of the caps that hold at a time [s since 1970]; 0: none. ret_until_s (may be NULL):
 * when that may change, at most a day later. */
int64_t fl_site_cap_at(const struct fl_site *site, int64_t utc_s, int64_t *ret_until_s);

/* True for "host:port", "a.b.c.d:port", "[v6]:port" with a port of 1 to 65535 (zero_port: 0 too).
 */
bool fl_address_is_whole(const char *text, bool zero_port);

#endif
