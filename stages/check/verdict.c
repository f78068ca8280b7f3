/* Evidence and the report. */
#include "config.h"

#include "stages/check/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/digest.h"
#include "engine/base/json.h"

#include "engine/base/banned.h"

struct evidence {
    size_t file;
    enum fl_verdict verdict;
    char check[24];
    char text[FL_EVIDENCE_TEXT_MAX];
};

struct file {
    char *path;
    char sha256[FL_DIGEST_HEX];
    enum fl_verdict verdict;
};

struct fl_findings {
    struct file *files;
    size_t file_count;
    struct evidence *lines;
    size_t count;
    size_t room;
    size_t dropped;
    enum fl_verdict verdict;
};

int fl_findings_create(struct fl_findings **ret_findings, struct fl_err *reterr)
{
    struct fl_findings *findings = calloc(1, sizeof(*findings));

    if (!findings)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    *ret_findings = findings;
    return 0;
}

void fl_findings_destroy(struct fl_findings *findings)
{
    if (!findings)
        return;
    for (size_t i = 0; i < findings->file_count; i++)
        free(findings->files[i].path);
    free(findings->files);
    free(findings->lines);
    free(findings);
}

int fl_findings_file(struct fl_findings *findings, const char *path, const char *sha256,
                     struct fl_err *reterr)
{
    struct file *grown = realloc(findings->files, (findings->file_count + 1) * sizeof(*grown));
    char *copy = strdup(path);

    if (grown)
        findings->files = grown;
    if (!grown || !copy) {
        free(copy);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    }
    findings->files[findings->file_count] = (struct file){.path = copy};
    (void)snprintf(findings->files[findings->file_count].sha256, FL_DIGEST_HEX, "%s",
                   sha256 ? sha256 : "");
    findings->file_count++;
    return 0;
}

void fl_findings_add(struct fl_findings *findings, enum fl_verdict verdict, const char *check,
                     const char *fmt, ...)
{
    struct evidence *line;
    va_list args;

    fl_assert(findings->file_count > 0);
    if (verdict > findings->verdict)
        findings->verdict = verdict;
    if (verdict > findings->files[findings->file_count - 1].verdict)
        findings->files[findings->file_count - 1].verdict = verdict;
    if (findings->count == findings->room && findings->room < FL_EVIDENCE_MAX) {
        size_t room = findings->room ? findings->room * 2 : 64;
        struct evidence *grown = realloc(findings->lines, room * sizeof(*grown));

        if (grown) {
            findings->lines = grown;
            findings->room = room;
        }
    }
    if (findings->count == findings->room) {
        findings->dropped++;
        return;
    }
    line = &findings->lines[findings->count++];
    line->file = findings->file_count - 1;
    line->verdict = verdict;
    (void)snprintf(line->check, sizeof(line->check), "%s", check);
    va_start(args, fmt);
    (void)vsnprintf(line->text, sizeof(line->text), fmt, args);
    va_end(args);
}

enum fl_verdict fl_findings_verdict(const struct fl_findings *findings)
{
    return findings->verdict;
}

const char *fl_verdict_name(enum fl_verdict verdict)
{
    static const char *const names[] = {"pass", "degraded", "fail"};

    return names[verdict];
}

void fl_findings_text(const struct fl_findings *findings, struct fl_buf *out)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct evidence *line = &findings->lines[i];

        fl_buf_printf(out, "%-8s %s: %s: %s\n", fl_verdict_name(line->verdict),
                      findings->files[line->file].path, line->check, line->text);
    }
    if (findings->dropped > 0)
        fl_buf_printf(out, "and %zu more lines\n", findings->dropped);
    fl_buf_printf(out, "verdict: %s (%zu files, %zu checks)\n", fl_verdict_name(findings->verdict),
                  findings->file_count, findings->count + findings->dropped);
}

/* The evidence of one file as a JSON array; NULL when memory ends. */
static json_t *evidence_json(const struct fl_findings *findings, size_t file)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < findings->count; i++) {
        const struct evidence *line = &findings->lines[i];

        if (line->file != file)
            continue;
        /* Text from a file may hold bytes that are not UTF-8: such a line is kept as its check. */
        json_t *text = json_string(line->text);

        if (!text)
            text = json_string("text that is not UTF-8");
        if (json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "verdict",
                                                  fl_verdict_name(line->verdict), "check",
                                                  line->check, "text", text)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int fl_findings_json(const struct fl_findings *findings, const char *cycle, const char *lead,
                     struct fl_buf *out, struct fl_err *reterr)
{
    fl_json_auto json_t *report = NULL;
    json_t *files = json_array();
    char *text;

    for (size_t i = 0; i < findings->file_count; i++) {
        const struct file *file = &findings->files[i];

        (void)json_array_append_new(
            files, json_pack("{s:s, s:s, s:s, s:o}", "file", file->path, "sha256", file->sha256,
                             "verdict", fl_verdict_name(file->verdict), "evidence",
                             evidence_json(findings, i))); /* a failure shows in the size below */
    }
    if (json_array_size(files) != findings->file_count) {
        json_decref(files);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "the report cannot be built");
    }
    report =
        json_pack("{s:i, s:s, s:s?, s:s?, s:o}", "version", 1, "verdict",
                  fl_verdict_name(findings->verdict), "cycle", cycle, "lead", lead, "files", files);
    text = report ? json_dumps(report, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "the report cannot be built");
    fl_buf_puts(out, text);
    fl_buf_putc(out, '\n');
    free(text);
    return fl_buf_check(out, reterr);
}
