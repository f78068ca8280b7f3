#ifndef FL_LINES_PULL_IMPL_H
#define FL_LINES_PULL_IMPL_H

/* Inside a pull: pull.c has the loop and the files, request.c the requests and their answers,
 * group.c the servers, admit.c the grants that are handed in at their doors, manage.c what
 * the transfers of this site leave each other. Owns, threads, limits:
 * as pull.h. */

#include "data-fetch/lines/bond.h"
#include "data-fetch/lines/finisher.h"
#include "data-fetch/lines/landing.h"
#include "data-fetch/lines/pull.h"
#include "data-fetch/lines/rules.h"
#include "data-fetch/lines/share.h"
#include "data-fetch/lines/site.h"
#include "engine/world/world.h"

#define FL_PULL_KEY_MAX 300

struct fl_pull;
struct fl_pull_slot;
struct fl_pull_group;

enum fl_slot_state {
    FL_SLOT_FREE,
    FL_SLOT_COMING,
    FL_SLOT_WAITING,   /* for its next try */
    FL_SLOT_FINISHING, /* all bytes are here */
};

/* One request in flight, or none. */
struct fl_pull_request {
    struct fl_pull_group *group;
    int conn;
    struct fl_pull_slot *slot; /* NULL: none */
    struct fl_http_transfer *transfer;
    int64_t cap_bytes_s;
    bool ranged;  /* a range was asked for */
    bool trimmed; /* ended by us: what is left of it is another's */
    bool over;    /* ended by us: the file's own matter, dealt with */
};

/* A grant on its way to a door by one line. */
struct fl_pull_post {
    struct fl_pull_group *group;
    struct fl_http_transfer *transfer;
};

/* A server, or a site with its lines. */
struct fl_pull_group {
    struct fl_pull *pull;
    char key[FL_PULL_KEY_MAX];       /* site's name or URL's beginning; "" when free */
    const struct fl_site_peer *peer; /* NULL: the address in the URL */
    struct fl_http_tls tls;
    bool has_tls;
    struct fl_bond *bond;
    struct fl_pull_request requests[FL_BOND_CONNECTIONS_MAX];
    size_t slots;                           /* files that use it */
    char door[FL_PULL_KEY_MAX];             /* scheme and authority of the first URL */
    int64_t may_bytes_s[FL_BOND_LINES_MAX]; /* 0: as much as comes */
    double most_bytes_s[FL_BOND_LINES_MAX]; /* seen */
    bool held;                              /* on some line others go first */
    size_t granted;                         /* grants that are handed in, of all there are */
    struct fl_pull_post posts[FL_BOND_LINES_MAX];
    size_t posting;
    int64_t post_ns;                             /* when they are tried again */
    struct fl_err err;                           /* of the last one */
    int64_t byte_ns;                             /* when something last came, or it was begun */
    enum fl_bond_health seen[FL_BOND_LINES_MAX]; /* last told in the log */
};

/* A file on its way. */
struct fl_pull_slot {
    struct fl_pull *pull;
    uint32_t index;
    enum fl_slot_state state;
    struct fl_pull_item *item;
    uint64_t rank;
    struct fl_pull_group *group; /* NULL: a local file */
    struct fl_landing landing;
    struct fl_finish_job job;
    int64_t fed; /* bytes that the finisher knows of */
    bool whole;  /* in one request, without a range */
    bool told;   /* the landing knows size and ETag */
    char etag[FL_HTTP_ETAG_MAX];
    int tries;
    int restarts;
    int64_t at_ns;
    struct fl_err err; /* of the last try */
};

struct fl_pull {
    const struct fl_world *world;
    struct fl_pull_options options;
    struct fl_site_keys keys;
    bool has_keys;
    struct fl_share *share; /* NULL: none */
    char share_folder[FL_PATH_MAX];
    int64_t began_s;
    int64_t deadline_ns; /* monotonic; 0: none */
    int64_t shared_ns;   /* when it was last told */
    struct fl_http *http;
    struct fl_finisher *finisher;
    int bell_fd;
    struct fl_pull_slot slots[FL_PULL_ACTIVE_MAX];
    struct fl_pull_group groups[FL_PULL_GROUPS_MAX];
    size_t active;
    struct fl_pull_item *items;
    size_t count;
    size_t next;         /* item to begin */
    int64_t later_bytes; /* of items not begun, as far as told */
    fl_pull_whole_fn fn;
    void *arg;
    int rc;
    struct fl_err err;
};

/* pull.c */
void fl_pull_failed(struct fl_pull *pull, int rc, const struct fl_err *err);
/* The bytes that are there may be hashed; all of them: the file is ended. */
void fl_slot_feed(struct fl_pull_slot *slot, bool always);
/* Its tries are counted; it is asked for again after a while. slot->err has why. wait_s: what the
 * server asked for, or -1. */
void fl_slot_try_again(struct fl_pull_slot *slot, int64_t wait_s);
/* From the first byte. why: for the case that it happens too often. */
void fl_slot_restart(struct fl_pull_slot *slot, const char *why);
/* Nothing of it is there any more. */
int fl_slot_empty(struct fl_pull_slot *slot, struct fl_err *reterr);
/* What is missing goes to the bond. */
int fl_slot_ask(struct fl_pull_slot *slot, struct fl_err *reterr);

/* group.c */
/* *ret_group is NULL when all are in use: later. FL_E_NOMEM. */
int fl_group_find(struct fl_pull *pull, const struct fl_pull_item *item,
                  struct fl_pull_group **ret_group, struct fl_err *reterr);
void fl_group_release(struct fl_pull_group *group);
/* Starts what the bond wants started, breaks off what it wants broken off. */
int fl_group_work(struct fl_pull_group *group, struct fl_err *reterr);
/* When it has something to do by itself. */
int64_t fl_group_wake(const struct fl_pull_group *group);

/* manage.c */
/* Begins to tell others what is done here. Never fails: without it everybody takes what comes. */
void fl_pull_manage_begin(struct fl_pull *pull);
/* Tells and asks, once a second; *wake_ns is not after the next time. */
void fl_pull_manage(struct fl_pull *pull, int64_t *wake_ns);
void fl_pull_manage_end(struct fl_pull *pull);
/* Divides what a line may carry among its running requests. */
void fl_group_divide(struct fl_pull_group *group);

/* admit.c */
/* True when all grants for the site are handed in. Else they are on their way, by all lines at
 * once. A grant that the door refuses ends the run. */
bool fl_group_admitted(struct fl_pull_group *group);
/* When the next try is; INT64_MAX: when an answer comes. */
int64_t fl_group_admit_wake(const struct fl_pull_group *group);
/* The door has forgotten them: again. False when there are none. */
bool fl_group_admit_again(struct fl_pull_group *group);
void fl_group_admit_end(struct fl_pull_group *group);

/* request.c */
struct fl_http_route fl_group_route(const struct fl_pull_group *group, size_t line);
int fl_request_start(struct fl_pull_group *group, const struct fl_bond_chunk *chunk,
                     struct fl_err *reterr);
/* Breaks off all requests of a file (but one, which ends itself). */
void fl_requests_end(struct fl_pull_slot *slot, const struct fl_pull_request *but);

#endif
