/* One file against its rule. */
#include "config.h"

#include "stages/check/check.h"

#include <inttypes.h>

#include "engine/base/digest.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

static int check_by_type(const struct fl_world *world, const struct fl_rule *rule, const char *path,
                         const struct fl_asked *asked, struct fl_findings *findings,
                         struct fl_err *reterr)
{
    switch (rule->type) {
    case FL_RULE_NETCDF:
        return fl_check_netcdf(path, rule, asked, findings, reterr);
    case FL_RULE_PNG:
        return fl_check_png(path, rule, findings, reterr);
    case FL_RULE_CSV:
        return fl_check_csv(world, path, rule, asked, findings, reterr);
    }
    return fl_err_set(reterr, FL_E_BUG, 0, "rule of an unknown type");
}

int fl_check_file(const struct fl_world *world, const struct fl_rules *rules, const char *path,
                  const struct fl_asked *asked, struct fl_findings *findings, struct fl_err *reterr)
{
    const struct fl_rule *rule = fl_rules_find(rules, path);
    char hex[FL_DIGEST_HEX] = "";
    struct fl_err why = {0};
    uint64_t size = 0;
    int unread = fl_file_digest(world, path, hex, &size, &why);
    int rc = fl_findings_file(findings, path, hex, reterr);

    if (rc < 0)
        return rc;
    if (unread < 0) {
        fl_findings_add(findings, FL_VERDICT_FAIL, "read", "%s", why.text);
        return 0;
    }
    if (!rule) {
        fl_findings_add(findings, FL_VERDICT_FAIL, "rule", "no rule is for a file of this name");
        return 0;
    }
    if (size < (uint64_t)rule->size_min || size > (uint64_t)rule->size_max)
        fl_findings_add(findings, FL_VERDICT_FAIL, "size",
                        "%" PRIu64 " bytes; expected %" PRId64 " to %" PRId64, size, rule->size_min,
                        rule->size_max);
    else
        fl_findings_add(findings, FL_VERDICT_PASS, "size", "%" PRIu64 " bytes", size);
    rc = check_by_type(world, rule, path, asked, findings, reterr);
    if (rc == 0 && *asked->marks)
        fl_findings_add(findings, FL_VERDICT_DEGRADED, "degraded", "%s", asked->marks);
    return rc;
}
