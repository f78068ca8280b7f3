/* serve: the file door as a process. */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data-fetch/command/command.h"
#include "data-fetch/door/door.h"
#include "data-fetch/lines/site.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define ADDRESS_MAX 128
#define PORT_TEXT_MAX 16
#define DEFAULT_LISTEN "127.0.0.1:0"

static const char help[] =
    "usage: fairlead-transfer serve --root DIR [options]\n"
    "\n"
    "The file door of a site: its accepted outputs over HTTPS (TLS 1.3, both ends prove\n"
    "themselves), and of these only what a grant of the coordinator's names. Prints a line\n"
    "{\"door\":\"https://ADDRESS:PORT\"} for each address, then serves until SIGTERM.\n"
    "\n"
    "  --root DIR         folder of the site, with work/ in it\n"
    "  --name SITE        the site's name [that of the site file]\n"
    "  --keys DIR         folder with SITE.pem, SITE.key, ca.pem and grant.pub, made by\n"
    "                     'fairlead keys site' [that of the site file]\n"
    "  --site FILE        a site file: name, keys, door.listen, door.connections\n"
    "  --listen ADDR:PORT an address of this host; may repeat; port 0 takes a free one\n"
    "                     [door.listen of the site file, else 127.0.0.1:0]\n"
    "  --connections N    connections at once [64]; half of them from one peer\n"
    "  --plain            HTTP without TLS; on loopback addresses alone\n"
    "  --no-grants        whoever may connect may read all accepted outputs\n"
    "  --port-file FILE   the first address's port is tried first that is noted there, then noted\n"
    "  --until-eof        end when standard input does\n"
    "  --help\n";

struct serve {
    struct fl_door_config door;
    struct fl_site *site;
    const char *listen[FL_DOOR_LISTEN_MAX];
    char first[ADDRESS_MAX]; /* the first address with the port of before */
    const char *site_file;
    const char *port_file;
    bool until_eof;
    bool help;
};

static int add_listen(struct serve *serve, const char *address, struct fl_err *reterr)
{
    if (serve->door.listen_count == FL_DOOR_LISTEN_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "more than %d --listen", FL_DOOR_LISTEN_MAX);
    serve->listen[serve->door.listen_count++] = address;
    return 0;
}

static int read_connections(struct serve *serve, const char *text, struct fl_err *reterr)
{
    char *end;
    long count = strtol(text, &end, 10);

    if (end == text || *end || count < 2 || count > FL_DOOR_CONNECTIONS_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--connections '%s'; accepted: 2 to %d", text,
                          FL_DOOR_CONNECTIONS_MAX);
    serve->door.connections = (size_t)count;
    return 0;
}

static int take_option(struct serve *serve, int code, const char *value, struct fl_err *reterr)
{
    switch (code) {
    case 'r':
        serve->door.root = value;
        return 0;
    case 'n':
        serve->door.site = value;
        return 0;
    case 'k':
        serve->door.keys = value;
        return 0;
    case 's':
        serve->site_file = value;
        return 0;
    case 'p':
        serve->port_file = value;
        return 0;
    case 'l':
        return add_listen(serve, value, reterr);
    case 'c':
        return read_connections(serve, value, reterr);
    case 'P':
        serve->door.plain = true;
        return 0;
    case 'G':
        serve->door.open = true;
        return 0;
    case 'e':
        serve->until_eof = true;
        return 0;
    default:
        serve->help = true;
        return 0;
    }
}

static int parse_options(struct serve *serve, int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},
        {"name", required_argument, NULL, 'n'},
        {"keys", required_argument, NULL, 'k'},
        {"site", required_argument, NULL, 's'},
        {"listen", required_argument, NULL, 'l'},
        {"connections", required_argument, NULL, 'c'},
        {"port-file", required_argument, NULL, 'p'},
        {"plain", no_argument, NULL, 'P'},
        {"no-grants", no_argument, NULL, 'G'},
        {"until-eof", no_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int rc = 0;
    int code;

    opterr = 0;
    optind = 1;
    while (rc == 0 && (code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        rc = take_option(serve, code, optarg, reterr);
    }
    if (rc == 0 && optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    if (rc == 0 && !serve->help && !serve->door.root)
        return fl_err_set(reterr, FL_E_USAGE, 0, "serve needs --root DIR");
    return rc;
}

/* What the command line leaves open is as the site file has it. */
static int read_site(struct serve *serve, struct fl_err *reterr)
{
    struct fl_door_config *door = &serve->door;
    const struct fl_site *site;
    int rc = serve->site_file
                 ? fl_site_read(fl_world_real(), serve->site_file, &serve->site, reterr)
                 : 0;

    if (rc < 0 || !serve->site)
        return rc;
    site = serve->site;
    if (door->site && strcmp(door->site, site->name) != 0)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "'%s' is the file of site '%s', not of '%s'",
                          serve->site_file, site->name, door->site);
    door->site = site->name;
    if (!door->keys && site->keys[0])
        door->keys = site->keys;
    if (door->listen_count == 0 && site->listen[0])
        rc = add_listen(serve, site->listen, reterr);
    if (!door->connections)
        door->connections = (size_t)site->connections;
    return rc;
}

static int complete(struct serve *serve, struct fl_err *reterr)
{
    struct fl_door_config *door = &serve->door;
    int rc = read_site(serve, reterr);

    if (rc == 0 && door->listen_count == 0)
        rc = add_listen(serve, DEFAULT_LISTEN, reterr);
    if (rc < 0)
        return rc;
    if (!door->plain && (!door->site || !door->keys))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "serve needs the site's name and keys (--name SITE --keys DIR, or --site "
                          "FILE); without them: --plain, on loopback alone");
    if (!door->open && !door->keys)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "serve needs --keys DIR with grant.pub to tell grants; without them "
                          "(whoever may connect reads all): --no-grants");
    door->listen = serve->listen;
    door->world = fl_world_real();
    return 0;
}

/* The first address with the port of before, when it leaves its port open and one was noted. */
static bool noted_address(struct serve *serve)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    const char *listen = serve->listen[0];
    const char *colon = strrchr(listen, ':');
    long port;

    fl_buf_init(&text, 0);
    if (!serve->port_file || !colon || strcmp(colon, ":0") != 0 ||
        fl_file_read(fl_world_real(), serve->port_file, PORT_TEXT_MAX, &text, NULL) < 0)
        return false;
    port = strtol(text.data, NULL, 10);
    return port > 0 && port <= 65535 &&
           snprintf(serve->first, sizeof(serve->first), "%.*s:%ld", (int)(colon - listen), listen,
                    port) < (int)sizeof(serve->first);
}

static int open_door(struct serve *serve, struct fl_door **ret_door, struct fl_err *reterr)
{
    char text[PORT_TEXT_MAX];
    int rc = FL_E_LOCKED;

    if (noted_address(serve)) {
        const char *free_port = serve->listen[0];

        serve->listen[0] = serve->first;
        rc = fl_door_open(&serve->door, ret_door, reterr);
        serve->listen[0] = free_port;
    }
    if (rc == FL_E_LOCKED)
        rc = fl_door_open(&serve->door, ret_door, reterr);
    if (rc < 0 || !serve->port_file)
        return rc;
    (void)snprintf(text, sizeof(text), "%u\n", fl_door_port(*ret_door, 0));
    return fl_file_publish(fl_world_real(), serve->port_file, text, strlen(text), reterr);
}

static int run(struct serve *serve, int signals_fd, struct fl_err *reterr)
{
    fl_auto(fl_door_close) struct fl_door *door = NULL;
    int rc = open_door(serve, &door, reterr);

    for (size_t i = 0; rc == 0 && i < serve->door.listen_count; i++) {
        (void)printf("{\"door\":\"%s\"}\n", fl_door_url(door, i));
        fl_log(FL_LOG_INFO, "door.open", "root='%s' url='%s'%s", serve->door.root,
               fl_door_url(door, i), serve->door.open ? " grants=none" : "");
    }
    if (rc == 0 && fflush(stdout) != 0)
        rc = fl_err_set(reterr, FL_E_IO, 0, "the address cannot be told: standard output");
    return rc < 0 ? rc
                  : fl_door_run(door, signals_fd, serve->until_eof ? STDIN_FILENO : -1, reterr);
}

int fl_command_serve(int argc, char **argv, struct fl_err *reterr)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct serve serve = {.until_eof = false};
    int signals_fd = -1;
    int rc = parse_options(&serve, argc, argv, reterr);

    if (rc == 0 && serve.help) {
        (void)fputs(help, stdout);
        return 0;
    }
    if (rc == 0)
        rc = complete(&serve, reterr);
    if (rc == 0)
        rc = fl_signals_open(signals, FL_COUNT(signals), &signals_fd, reterr);
    if (rc == 0)
        rc = run(&serve, signals_fd, reterr);
    fl_wake_close(signals_fd);
    fl_site_destroy(serve.site);
    return rc;
}
