/* Inputs in windows. */
#include "config.h"

#include "data-fetch/deliver/feed.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/stage/bring.h"
#include "engine/world/file.h"
#include "stages/common/inputs.h"

#include "engine/base/banned.h"

#define PIECE_BYTES ((size_t)64 * 1024)
#define DEPTH_MAX 64

static int check_name(const char *file, struct fl_err *reterr)
{
    if (fl_bring_name_is_open(file))
        return 0;
    return fl_err_set(reterr, FL_E_PERM, 0,
                      "input '%.200s': the file name is hidden or leaves its folder", file);
}

/* ---- inputs.json ---- */

/* The objects of the member "inputs", found by their braces; each window is then read strictly. */
struct scanning {
    const struct fl_feed *feed;
    fl_feed_fn fn;
    void *arg;
    char folder[FL_PATH_MAX];
    struct fl_buf head;   /* all of the document but the entries */
    struct fl_buf window; /* entries so far */
    struct fl_buf entry;
    size_t count; /* entries in the window */
    size_t done;
    int depth; /* of brackets of any kind, outside texts */
    bool in_list;
    bool in_text;
    bool escaped;
    char name[16]; /* the last text at depth 1 */
    size_t name_size;
    bool any_list;
    struct fl_inputs **ret_head; /* or NULL */
    struct fl_err *reterr;
};

static int give(struct scanning *s)
{
    fl_auto(fl_inputs_destroy) struct fl_inputs *inputs = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc = 0;

    fl_buf_init(&text, 0);
    if (s->count == 0)
        return 0;
    if (!s->fn) { /* the head alone is wanted */
        s->count = 0;
        fl_buf_clear(&s->window);
        return 0;
    }
    fl_buf_puts(&text, "{\"version\":1,\"inputs\":[");
    fl_buf_add(&text, s->window.data, s->window.size);
    fl_buf_puts(&text, "]}");
    rc = fl_buf_check(&text, s->reterr);
    if (rc == 0)
        rc = fl_inputs_parse(text.data, text.size, &inputs, s->reterr);
    if (rc < 0)
        return fl_err_note(s->reterr, rc, "'%s', inputs from number %zu on", s->feed->inputs,
                           s->done);
    for (size_t i = 0; rc == 0 && i < inputs->count; i++)
        rc = check_name(inputs->list[i].file, s->reterr);
    if (rc == 0)
        rc = s->fn(inputs->list, inputs->count, s->folder, s->reterr, s->arg);
    s->done += s->count;
    s->count = 0;
    fl_buf_clear(&s->window);
    return rc;
}

static int end_entry(struct scanning *s)
{
    if (s->count > 0)
        fl_buf_putc(&s->window, ',');
    fl_buf_add(&s->window, s->entry.data, s->entry.size);
    fl_buf_clear(&s->entry);
    s->count++;
    return s->count == FL_FEED_WINDOW ? give(s) : 0;
}

/* True for a byte that belongs to an entry of the list. */
static bool within_entry(const struct scanning *s)
{
    return s->in_list && s->depth >= 3;
}

static void take_text(struct scanning *s, char c)
{
    if (s->escaped)
        s->escaped = false;
    else if (c == '\\')
        s->escaped = true;
    else if (c == '"')
        s->in_text = false;
    if (s->in_text && s->depth == 1 && s->name_size + 1 < sizeof(s->name))
        s->name[s->name_size++] = c;
}

static int take_plain(struct scanning *s, char c)
{
    if (c == '"') {
        s->in_text = true;
        if (s->depth == 1) {
            memset(s->name, 0, sizeof(s->name));
            s->name_size = 0;
        }
    } else if (c == '{' || c == '[') {
        s->depth++;
        if (s->depth == 2 && c == '[' && strcmp(s->name, "inputs") == 0)
            s->in_list = s->any_list = true;
    } else if (c == '}' || c == ']') {
        s->depth--;
        if (s->depth == 1)
            s->in_list = false;
    }
    return 0;
}

static int take_byte(struct scanning *s, char c)
{
    bool before = within_entry(s);
    bool was_text = s->in_text;
    bool was_list = s->in_list;
    int rc = 0;

    if (s->in_text)
        take_text(s, c);
    else
        rc = take_plain(s, c);
    if (before || within_entry(s)) {
        fl_buf_putc(&s->entry, c);
        if (before && !within_entry(s))
            rc = end_entry(s);
    } else if (s->in_list && s->depth == 2 && was_list && !was_text && c != ',' &&
               !isspace((unsigned char)c)) {
        rc = fl_err_set(s->reterr, FL_E_PARSE, 0, "'%s': inputs[%zu] is no object", s->feed->inputs,
                        s->done + s->count);
    } else if (!s->in_list || !was_list) {
        fl_buf_putc(&s->head, c);
    }
    return rc;
}

/* What is around the entries must be a document of its own. */
static int check_head(struct scanning *s)
{
    fl_auto(fl_inputs_destroy) struct fl_inputs *inputs = NULL;
    int rc = fl_buf_check(&s->head, s->reterr);

    if (rc == 0 && !s->any_list)
        rc = fl_err_set(s->reterr, FL_E_PARSE, 0, "member 'inputs' is missing; it must be a list");
    if (rc == 0)
        rc = fl_inputs_parse(s->head.data, s->head.size, &inputs, s->reterr);
    if (rc == 0 && s->ret_head)
        *s->ret_head = FL_STEAL(inputs);
    return rc < 0 ? fl_err_note(s->reterr, rc, "'%s'", s->feed->inputs) : 0;
}

static int scan(struct scanning *s, int fd)
{
    const struct fl_world *world = s->feed->world;
    char *piece = malloc(PIECE_BYTES);
    int64_t offset = 0;
    int rc = piece ? 0 : fl_err_set(s->reterr, FL_E_NOMEM, 0, "out of memory");

    for (ssize_t n = 1; rc == 0 && n > 0; offset += n) {
        n = world->ops->pread(fd, piece, PIECE_BYTES, offset, world->arg);
        if (n < 0)
            rc = fl_err_errno(s->reterr, (int)-n, "read '%s'", s->feed->inputs);
        for (ssize_t i = 0; rc == 0 && i < n; i++)
            rc = take_byte(s, piece[i]);
        if (rc == 0)
            rc = fl_buf_check(&s->entry, s->reterr);
    }
    free(piece);
    return rc;
}

static int each_input(const struct fl_feed *feed, fl_feed_fn fn, void *arg,
                      struct fl_inputs **ret_head, struct fl_err *reterr)
{
    struct scanning s = {
        .feed = feed, .fn = fn, .arg = arg, .ret_head = ret_head, .reterr = reterr};
    int fd = feed->world->ops->open(feed->inputs, O_RDONLY, 0, feed->world->arg);
    int rc;

    if (fd == -ENOENT)
        return fl_err_set(reterr, FL_E_NOENT, 0, "inputs file '%s' does not exist", feed->inputs);
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", feed->inputs);
    (void)snprintf(s.folder, sizeof(s.folder), "%.*s",
                   (int)(fl_path_base(feed->inputs) - feed->inputs), feed->inputs);
    fl_buf_init(&s.head, FL_FEED_HEAD_MAX);
    fl_buf_init(&s.window, 0);
    fl_buf_init(&s.entry, FL_FEED_ENTRY_MAX);
    rc = scan(&s, fd);
    if (rc == 0)
        rc = check_head(&s);
    if (rc == 0)
        rc = give(&s);
    (void)feed->world->ops->close(fd, feed->world->arg); /* only read */
    fl_buf_release(&s.head);
    fl_buf_release(&s.window);
    fl_buf_release(&s.entry);
    return rc;
}

/* ---- a folder ---- */

struct walking {
    const struct fl_feed *feed;
    fl_feed_fn fn;
    void *arg;
    char root[FL_PATH_MAX]; /* with a slash at the end */
    char path[FL_PATH_MAX]; /* of what is walked, from the root on */
    struct fl_input *list;
    char (*names)[FL_PATH_MAX];
    size_t count;
    int depth;
    struct fl_err *reterr;
};

static int give_files(struct walking *w)
{
    int rc = w->count ? w->fn(w->list, w->count, w->root, w->reterr, w->arg) : 0;

    w->count = 0;
    return rc;
}

static int walk(struct walking *w);

static int take_file(struct walking *w)
{
    struct fl_input *input = &w->list[w->count];
    char path[FL_PATH_MAX];
    struct fl_stat info;
    int rc;

    if (snprintf(path, sizeof(path), "%s%s", w->root, w->path) >= (int)sizeof(path))
        return fl_err_set(w->reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", w->path);
    rc = fl_file_stat(w->feed->world, path, &info, w->reterr);
    if (rc < 0)
        return rc;
    if (info.is_link)
        return fl_err_set(w->reterr, FL_E_PERM, 0, "'%s' is a link; only files are delivered",
                          path);
    (void)snprintf(w->names[w->count], FL_PATH_MAX, "%s", w->path);
    *input = (struct fl_input){
        .input = "files", .file = w->names[w->count], .has_size = true, .size = info.size_bytes};
    return ++w->count == FL_FEED_WINDOW ? give_files(w) : 0;
}

static int take_entry(const char *name, bool is_dir, void *arg)
{
    struct walking *w = arg;
    size_t size = strlen(w->path);
    int rc;

    if (name[0] == '.')
        return 0;
    if (size + strlen(name) + 2 >= sizeof(w->path))
        return fl_err_set(w->reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", w->path);
    (void)snprintf(w->path + size, sizeof(w->path) - size, "%s%s", size ? "/" : "", name);
    rc = is_dir ? walk(w) : take_file(w);
    w->path[size] = '\0';
    return rc;
}

static int walk(struct walking *w)
{
    const struct fl_world *world = w->feed->world;
    char path[FL_PATH_MAX];
    int rc;

    if (w->depth >= DEPTH_MAX ||
        snprintf(path, sizeof(path), "%s%s", w->root, w->path) >= (int)sizeof(path))
        return fl_err_set(w->reterr, FL_E_TOO_BIG, 0, "'%.200s' is too deep", w->path);
    w->depth++;
    if (w->reterr)
        w->reterr->code = 0;
    rc = world->ops->list(path, take_entry, w, world->arg);
    w->depth--;
    if (rc < 0 && w->reterr && w->reterr->code == 0) /* the listing itself */
        rc = fl_err_errno(w->reterr, -rc, "list '%s'", path);
    return rc;
}

static int each_file(const struct fl_feed *feed, fl_feed_fn fn, void *arg, struct fl_err *reterr)
{
    struct walking w = {.feed = feed, .fn = fn, .arg = arg, .reterr = reterr};
    int rc = 0;

    w.list = calloc(FL_FEED_WINDOW, sizeof(*w.list));
    w.names = calloc(FL_FEED_WINDOW, sizeof(*w.names));
    if (!w.list || !w.names)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    else if (snprintf(w.root, sizeof(w.root), "%s/", feed->folder) >= (int)sizeof(w.root))
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", feed->folder);
    if (rc == 0)
        rc = walk(&w);
    if (rc == 0)
        rc = give_files(&w);
    free(w.list);
    free(w.names);
    return rc;
}

int fl_feed_each(const struct fl_feed *feed, fl_feed_fn fn, void *arg, struct fl_err *reterr)
{
    fl_assert(fn);
    fl_assert((feed->inputs != NULL) != (feed->folder != NULL));
    return feed->inputs ? each_input(feed, fn, arg, NULL, reterr)
                        : each_file(feed, fn, arg, reterr);
}

int fl_feed_head(const struct fl_feed *feed, struct fl_inputs **ret_inputs, struct fl_err *reterr)
{
    fl_assert(ret_inputs);
    *ret_inputs = NULL;
    return feed->inputs ? each_input(feed, NULL, NULL, ret_inputs, reterr) : 0;
}
