/* Files that travel with the workflow: read when it is compiled, so that a later edit changes no
 * run. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

static void read_file(struct fl_compile *c, struct fl_stage *stage, const config_setting_t *at,
                      const char *name)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char path[FL_PATH_MAX];
    char base[256];
    size_t size;
    struct fl_err why = {0};
    struct fl_stage_file *file;
    int rc;

    fl_buf_init(&text, FL_WORKFLOW_FILE_MAX + 1);
    rc = fl_path_join(c->folder, name, path, sizeof(path), &why);
    if (rc == 0)
        rc = c->options->read(path, FL_WORKFLOW_FILE_MAX, &text, &why, c->options->arg);
    if (rc == 0 && fl_utf8_size(text.data, text.size) < text.size)
        rc = fl_err_set(&why, FL_E_DATA, 0, "'%s' is not a text file (UTF-8)", path);
    if (rc < 0) {
        fl_complain(c, at, "files: %s", why.text);
        return;
    }
    (void)snprintf(base, sizeof(base), "%s", fl_path_base(name));
    size = strlen(base);
    file = fl_grow(c, &stage->files, &stage->file_count, sizeof(*file));
    if (!file)
        return;
    if (size > 3 && strcmp(base + size - 3, ".in") == 0) {
        file->render = true;
        base[size - 3] = '\0';
    }
    for (size_t i = 0; i + 1 < stage->file_count; i++) {
        if (strcmp(stage->files[i].name, base) == 0)
            fl_complain(c, at, "files: two of them would be '%s'", base);
    }
    if (strcmp(base, "inputs.json") == 0)
        fl_complain(c, at, "files: 'inputs.json' is made by Fairlead itself");
    fl_set_text(c, &file->name, base);
    fl_set_text(c, &file->content, text.data);
}

void fl_read_files(struct fl_compile *c, size_t index)
{
    const struct fl_layers *layers = &c->drafts[index].layers;
    struct fl_texts names = {0};

    (void)fl_get_texts(c, layers, "files", &names);
    for (size_t i = 0; i < names.count && names.items[i]; i++)
        read_file(c, &c->workflow->stages[index], fl_layers_get(layers, "files"), names.items[i]);
    fl_free_texts(&names);
}
