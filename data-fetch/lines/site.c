/* The site file. */
#include "config.h"

#include "data-fetch/lines/site.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/world.h"

#include "engine/base/banned.h"

#define CONNECTIONS_DEFAULT 64
#define INTERFACE_MAX 15 /* bytes; IFNAMSIZ - 1 of Linux */
#define DAY_MINUTES (24 * 60)
#define RATE_MAX 1e12

typedef const struct config_setting_t setting;

struct reader {
    struct fl_site *site;
    struct fl_err *err;
};

static int bad_address(const struct reader *r, setting *group, const char *key, const char *text)
{
    return fl_settings_bad(r->site->settings, fl_settings_member(group, key), r->err,
                           "'%s' is '%s'; accepted: such as 192.0.2.1:7443, [2001:db8::1]:7443, "
                           "host.example:7443",
                           key, text);
}

bool fl_address_is_whole(const char *text, bool zero_port)
{
    const char *colon = strrchr(text, ':');
    long port = 0;
    bool bracket = text[0] == '[';

    if (!colon || colon == text || strlen(text) > 255)
        return false;
    if (bracket && (colon[-1] != ']' || colon - text < 4))
        return false;
    for (const char *c = text + bracket; c < colon - bracket; c++) {
        bool ok = isalnum((unsigned char)*c) || *c == '.' || (bracket ? *c == ':' : *c == '-');

        if (!ok)
            return false;
    }
    for (const char *c = colon + 1; *c; c++) {
        if (*c < '0' || *c > '9' || port > 65535)
            return false;
        port = port * 10 + (*c - '0');
    }
    return colon[1] && port <= 65535 && (port > 0 || zero_port);
}

/* Names of sites and lines are seen in messages, records and certificates. */
static bool is_name(const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length >= FL_SITE_NAME_MAX || !isalnum((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
            return false;
    }
    return true;
}

static int read_name(const struct reader *r, setting *group, const char *key, const char **ret)
{
    int rc = fl_settings_text(r->site->settings, group, key, true, ret, r->err);

    if (rc == 0 && !is_name(*ret))
        rc = fl_settings_bad(r->site->settings, fl_settings_member(group, key), r->err,
                             "'%s' is '%.80s'; accepted: letters, digits, '-', '_' and '.', at "
                             "most %d, a letter or digit first",
                             key, *ret, FL_SITE_NAME_MAX - 1);
    return rc;
}

/* ---- peers and lines ---- */

static bool is_local_address(const char *text)
{
    bool dots = false;

    for (const char *c = text; *c; c++) {
        if (!isxdigit((unsigned char)*c) && *c != '.' && *c != ':')
            return false;
        dots = dots || *c == '.' || *c == ':';
    }
    return dots && strlen(text) < 46;
}

static int read_way(const struct reader *r, setting *entry, struct fl_line *line)
{
    const struct fl_settings *settings = r->site->settings;
    const char *interface = NULL;
    int rc;

    line->local = "";
    rc = fl_settings_text(settings, entry, "local", false, &line->local, r->err);
    if (rc == 0 && line->local[0] && !is_local_address(line->local))
        rc = fl_settings_bad(settings, fl_settings_member(entry, "local"), r->err,
                             "'local' is '%.80s'; accepted: an address of this machine, such as "
                             "192.0.2.1 (interface = \"eth0\" names an interface)",
                             line->local);
    if (rc == 0)
        rc = fl_settings_text(settings, entry, "interface", false, &interface, r->err);
    if (rc < 0 || !interface)
        return rc;
    if (line->local[0])
        return fl_settings_bad(settings, entry, r->err,
                               "line '%s' has 'local' and 'interface'; accepted: one of them",
                               line->name);
    if (!is_name(interface) || strlen(interface) > INTERFACE_MAX)
        return fl_settings_bad(settings, fl_settings_member(entry, "interface"), r->err,
                               "'interface' is '%.80s'; accepted: the name of one, such as eth0",
                               interface);
    line->local = interface;
    return 0;
}

static int read_line(const struct reader *r, setting *entry, struct fl_line *line)
{
    static const char *const keys[] = {"name", "local", "interface", "peer", "weight",
                                       "cap",  "burst", "cost",      NULL};
    const struct fl_settings *settings = r->site->settings;
    int rc = fl_settings_known(settings, entry, keys, r->err);

    *line = (struct fl_line){.weight = 1};
    if (rc == 0)
        rc = read_name(r, entry, "name", &line->name);
    if (rc == 0)
        rc = read_way(r, entry, line);
    if (rc == 0)
        rc = fl_settings_text(settings, entry, "peer", true, &line->peer, r->err);
    if (rc == 0 && !fl_address_is_whole(line->peer, false))
        rc = bad_address(r, entry, "peer", line->peer);
    if (rc == 0)
        rc = fl_settings_number(settings, entry, "weight", 0.001, 1000, &line->weight, r->err);
    if (rc == 0)
        rc = fl_settings_rate(settings, entry, "cap", &line->cap_bytes_s, r->err);
    if (rc == 0)
        rc = fl_settings_bool(settings, entry, "burst", &line->burst, r->err);
    if (rc == 0)
        rc = fl_settings_number(settings, entry, "cost", 0, RATE_MAX, &line->cost, r->err);
    return rc;
}

static int read_lines(const struct reader *r, setting *entry, struct fl_site_peer *peer)
{
    setting *list = NULL;
    bool lasting = false;
    size_t count;
    int rc = fl_settings_list(r->site->settings, entry, "lines", 1, FL_SITE_LINES_MAX, &list,
                              &count, r->err);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = read_line(r, fl_settings_at(list, i), &peer->lines[i]);
        lasting = lasting || !peer->lines[i].burst;
        for (size_t k = 0; rc == 0 && k < i; k++) {
            if (strcmp(peer->lines[k].name, peer->lines[i].name) == 0)
                rc = fl_settings_bad(r->site->settings, fl_settings_at(list, i), r->err,
                                     "peer '%s' has two lines '%s'", peer->site,
                                     peer->lines[i].name);
        }
        peer->line_count = i + 1;
    }
    if (rc == 0 && !lasting)
        rc = fl_settings_bad(r->site->settings, list, r->err,
                             "all lines of peer '%s' are burst lines; accepted: at least one with "
                             "burst = false",
                             peer->site);
    return rc;
}

static int read_peers(const struct reader *r, setting *group)
{
    static const char *const keys[] = {"site", "lines", NULL};
    struct fl_site *site = r->site;
    setting *list = NULL;
    size_t count;
    int rc = fl_settings_list(site->settings, group, "peers", 0, FL_SITE_PEERS_MAX, &list, &count,
                              r->err);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        setting *entry = fl_settings_at(list, i);
        struct fl_site_peer *peer = &site->peers[i];

        rc = fl_settings_known(site->settings, entry, keys, r->err);
        if (rc == 0)
            rc = read_name(r, entry, "site", &peer->site);
        if (rc == 0 && fl_site_peer(site, peer->site))
            rc = fl_settings_bad(site->settings, entry, r->err,
                                 "peer '%s' is there twice; accepted: one entry with all its lines",
                                 peer->site);
        if (rc == 0 && strcmp(peer->site, site->name) == 0)
            rc = fl_settings_bad(site->settings, entry, r->err,
                                 "'%s' is this site itself: it is no peer", peer->site);
        if (rc == 0)
            rc = read_lines(r, entry, peer);
        site->peer_count = rc == 0 ? i + 1 : i;
    }
    return rc;
}

/* ---- caps ---- */

/* "08:00", "24:00". */
static int read_minute(const struct reader *r, setting *entry, const char *key, int *ret_minute)
{
    const char *text = NULL;
    int hour = -1;
    int minute = -1;
    int used = 0;
    int rc = fl_settings_text(r->site->settings, entry, key, true, &text, r->err);

    if (rc < 0)
        return rc;
    if (strlen(text) != 5 || sscanf(text, "%2d:%2d%n", &hour, &minute, &used) != 2 || used != 5 ||
        hour < 0 || minute < 0 || minute > 59 || hour * 60 + minute > DAY_MINUTES)
        return fl_settings_bad(r->site->settings, fl_settings_member(entry, key), r->err,
                               "'%s' is '%.40s'; accepted: a time of day in UTC, such as \"08:00\"",
                               key, text);
    *ret_minute = hour * 60 + minute;
    return 0;
}

static int read_caps(const struct reader *r, setting *group)
{
    static const char *const keys[] = {"from", "until", "cap", NULL};
    struct fl_site *site = r->site;
    setting *list = NULL;
    size_t count;
    int rc =
        fl_settings_list(site->settings, group, "caps", 0, FL_SITE_CAPS_MAX, &list, &count, r->err);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        setting *entry = fl_settings_at(list, i);
        struct fl_site_cap *cap = &site->caps[i];

        rc = fl_settings_known(site->settings, entry, keys, r->err);
        if (rc == 0)
            rc = read_minute(r, entry, "from", &cap->from_minute);
        if (rc == 0)
            rc = read_minute(r, entry, "until", &cap->until_minute);
        if (rc == 0 && cap->from_minute == cap->until_minute)
            rc = fl_settings_bad(site->settings, entry, r->err,
                                 "'from' and 'until' are the same; accepted: \"00:00\" and "
                                 "\"24:00\" for the whole day");
        if (rc == 0)
            rc = fl_settings_rate(site->settings, entry, "cap", &cap->cap_bytes_s, r->err);
        if (rc == 0 && cap->cap_bytes_s == 0)
            rc = fl_settings_bad(site->settings, entry, r->err, "key 'cap' is missing");
        site->cap_count = rc == 0 ? i + 1 : i;
    }
    return rc;
}

static bool cap_holds(const struct fl_site_cap *cap, int minute)
{
    if (cap->from_minute < cap->until_minute)
        return minute >= cap->from_minute && minute < cap->until_minute;
    return minute >= cap->from_minute || minute < cap->until_minute;
}

int64_t fl_site_cap_at(const struct fl_site *site, int64_t utc_s, int64_t *ret_until_s)
{
    int64_t day_s = utc_s - utc_s % 86400;
    int minute = (int)(utc_s % 86400 / 60);
    int until = minute + DAY_MINUTES;
    int64_t least = 0;

    for (size_t i = 0; site && i < site->cap_count; i++) {
        const struct fl_site_cap *cap = &site->caps[i];
        int ends[2] = {cap->from_minute, cap->until_minute};

        if (cap_holds(cap, minute) && (least == 0 || cap->cap_bytes_s < least))
            least = cap->cap_bytes_s;
        for (int k = 0; k < 2; k++) {
            int end = ends[k] <= minute ? ends[k] + DAY_MINUTES : ends[k];

            until = end < until ? end : until;
        }
    }
    if (ret_until_s)
        *ret_until_s = day_s + (int64_t)until * 60;
    return least;
}

/* ---- the rest ---- */

static int read_door(const struct reader *r, setting *group)
{
    static const char *const keys[] = {"listen", "connections", NULL};
    struct fl_site *site = r->site;
    setting *door = NULL;
    int rc = fl_settings_group(site->settings, group, "door", keys, false, &door, r->err);

    if (rc < 0 || !door)
        return rc;
    rc = fl_settings_text(site->settings, door, "listen", true, &site->listen, r->err);
    if (rc == 0 && !fl_address_is_whole(site->listen, true))
        rc = bad_address(r, door, "listen", site->listen);
    if (rc == 0)
        rc = fl_settings_int(site->settings, door, "connections", 1, FL_SITE_CONNECTIONS_MAX,
                             &site->connections, r->err);
    return rc;
}

/* A relative folder is one beside the site file. */
static int read_folder(const struct reader *r, setting *group, const char *key, char *out,
                       size_t size)
{
    struct fl_site *site = r->site;
    const char *path = fl_settings_path(site->settings);
    const char *text = "";
    int folder = 0;
    int rc = fl_settings_text(site->settings, group, key, false, &text, r->err);

    if (rc == 0 && text[0] && text[0] != '/')
        folder = (int)(fl_path_base(path) - path);
    if (rc == 0 && (size_t)snprintf(out, size, "%.*s%s", folder, path, text) >= size)
        rc = fl_settings_bad(site->settings, group, r->err, "'%s' is too long a path", key);
    return rc;
}

static int read_others(const struct reader *r, setting *group)
{
    static const char *const reserve_keys[] = {"operations", NULL};
    struct fl_site *site = r->site;
    setting *reserve = NULL;
    int rc =
        fl_settings_group(site->settings, group, "reserve", reserve_keys, false, &reserve, r->err);

    if (rc == 0 && reserve)
        rc = fl_settings_int(site->settings, reserve, "operations", 0, 90, &site->reserve_percent,
                             r->err);
    if (rc == 0)
        rc = fl_settings_group(site->settings, group, "providers", NULL, false, &site->providers,
                               r->err);
    if (rc == 0)
        rc = fl_settings_group(site->settings, group, "destinations", NULL, false,
                               &site->destinations, r->err);
    if (rc == 0)
        site->retention = fl_settings_member(group, "retention");
    return rc;
}

static int read_site(struct fl_site *site, struct fl_err *reterr)
{
    static const char *const top[] = {"site", NULL};
    static const char *const keys[] = {"name",         "keys",      "secrets", "door",
                                       "peers",        "caps",      "reserve", "providers",
                                       "destinations", "retention", NULL};
    const struct reader r = {.site = site, .err = reterr};
    setting *group = NULL;
    int rc = fl_settings_known(site->settings, fl_settings_root(site->settings), top, reterr);

    site->listen = "";
    site->connections = CONNECTIONS_DEFAULT;
    if (rc == 0)
        rc = fl_settings_group(site->settings, fl_settings_root(site->settings), "site", keys, true,
                               &group, reterr);
    if (rc == 0)
        rc = read_name(&r, group, "name", &site->name);
    if (rc == 0)
        rc = read_folder(&r, group, "keys", site->keys, sizeof(site->keys));
    if (rc == 0)
        rc = read_folder(&r, group, "secrets", site->secrets, sizeof(site->secrets));
    if (rc == 0)
        rc = read_door(&r, group);
    if (rc == 0)
        rc = read_peers(&r, group);
    if (rc == 0)
        rc = read_caps(&r, group);
    return rc == 0 ? read_others(&r, group) : rc;
}

/* Takes the settings. */
static int site_make(struct fl_settings *settings, struct fl_site **ret_site, struct fl_err *reterr)
{
    struct fl_site *site = calloc(1, sizeof(*site));
    int rc;

    if (!site) {
        fl_settings_destroy(settings);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the site file");
    }
    site->settings = settings;
    rc = read_site(site, reterr);
    if (rc < 0)
        fl_site_destroy(site);
    else
        *ret_site = site;
    return rc;
}

int fl_site_parse(const char *text, const char *path, struct fl_site **ret_site,
                  struct fl_err *reterr)
{
    struct fl_settings *settings = NULL;
    int rc = fl_settings_parse(text, path, &settings, reterr);

    return rc == 0 ? site_make(settings, ret_site, reterr) : rc;
}

int fl_site_read(const struct fl_world *world, const char *path, struct fl_site **ret_site,
                 struct fl_err *reterr)
{
    struct fl_settings *settings = NULL;
    int rc = fl_settings_read(world, path, FL_SITE_BYTES_MAX, &settings, reterr);

    if (rc == FL_E_NOENT)
        return fl_err_note(reterr, rc, "site file (--site or FAIRLEAD_SITE)");
    return rc == 0 ? site_make(settings, ret_site, reterr) : rc;
}

int fl_site_find(const struct fl_world *world, const char *path, struct fl_site **ret_site,
                 struct fl_err *reterr)
{
    const char *found = path ? path : getenv("FAIRLEAD_SITE");

    *ret_site = NULL;
    return found && found[0] ? fl_site_read(world, found, ret_site, reterr) : 0;
}

void fl_site_destroy(struct fl_site *site)
{
    if (!site)
        return;
    fl_settings_destroy(site->settings);
    free(site);
}

const struct fl_site_peer *fl_site_peer(const struct fl_site *site, const char *name)
{
    for (size_t i = 0; site && i < site->peer_count; i++) {
        if (strcmp(site->peers[i].site, name) == 0)
            return &site->peers[i];
    }
    return NULL;
}

bool fl_site_keys(const struct fl_site *site, struct fl_site_keys *ret_keys)
{
    const struct {
        char *out;
        const char *name;
        const char *end;
    } files[] = {{ret_keys->ca, "ca", ".pem"},
                 {ret_keys->cert, site ? site->name : "", ".pem"},
                 {ret_keys->key, site ? site->name : "", ".key"}};

    if (!site || !site->keys[0])
        return false;
    for (size_t i = 0; i < FL_COUNT(files); i++) {
        if (snprintf(files[i].out, FL_PATH_MAX, "%s/%s%s", site->keys, files[i].name,
                     files[i].end) >= FL_PATH_MAX)
            return false;
    }
    return true;
}
