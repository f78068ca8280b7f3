/* The extents that wait, in the order in which they are wanted. */
#include "config.h"

#include <string.h>

#include "data-fetch/lines/bond_impl.h"

#include "engine/base/banned.h"

/* Bytes that are known to be in it. */
static int64_t known(const struct fl_extent *extent)
{
    return extent->end == FL_BOND_OPEN ? 0 : extent->end - extent->first;
}

static bool before(const struct fl_extent *a, const struct fl_extent *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->first < b->first;
}

static bool splits(const struct fl_extent *extent)
{
    return !extent->whole && !extent->open;
}

static bool joins(const struct fl_extent *a, const struct fl_extent *b)
{
    return a->file == b->file && a->end == b->first && splits(a) && splits(b);
}

static void cut_out(struct fl_bond *bond, size_t index)
{
    bond->waiting_count--;
    memmove(&bond->waiting[index], &bond->waiting[index + 1],
            (bond->waiting_count - index) * sizeof(bond->waiting[0]));
}

void fl_extent_put(struct fl_bond *bond, const struct fl_extent *extent)
{
    size_t low = 0;
    size_t high = bond->waiting_count;

    fl_assert(extent->first < extent->end || extent->whole);
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (before(&bond->waiting[middle], extent))
            low = middle + 1;
        else
            high = middle;
    }
    bond->waiting_bytes += known(extent);
    if (low > 0 && joins(&bond->waiting[low - 1], extent)) {
        bond->waiting[--low].end = extent->end;
    } else if (low < bond->waiting_count && joins(extent, &bond->waiting[low])) {
        bond->waiting[low].first = extent->first;
    } else {
        fl_assert(bond->waiting_count < FL_COUNT(bond->waiting));
        memmove(&bond->waiting[low + 1], &bond->waiting[low],
                (bond->waiting_count - low) * sizeof(bond->waiting[0]));
        bond->waiting[low] = *extent;
        bond->waiting_count++;
    }
    if (low + 1 < bond->waiting_count && joins(&bond->waiting[low], &bond->waiting[low + 1])) {
        bond->waiting[low].end = bond->waiting[low + 1].end;
        cut_out(bond, low + 1);
    }
}

struct fl_extent fl_extent_take(struct fl_bond *bond, size_t index, int64_t size)
{
    struct fl_extent *from = &bond->waiting[index];
    struct fl_extent taken = *from;

    fl_assert(index < bond->waiting_count && size > 0);
    if (splits(from) && from->end - from->first > size) {
        taken.end = from->first + size;
        from->first = taken.end;
        bond->waiting_bytes -= size;
        return taken;
    }
    bond->waiting_bytes -= known(from);
    cut_out(bond, index);
    if (taken.open)
        taken.end = taken.first + size;
    return taken;
}

struct fl_extent fl_extent_take_last(struct fl_bond *bond, int64_t size)
{
    size_t index = bond->waiting_count - 1;
    struct fl_extent *from;
    struct fl_extent taken;

    fl_assert(bond->waiting_count > 0 && size > 0);
    while (index > 0 && !splits(&bond->waiting[index]))
        index--;
    from = &bond->waiting[index];
    if (!splits(from) || from->end - from->first <= size)
        return fl_extent_take(bond, index, size);
    taken = *from;
    taken.first = from->end - size;
    from->end = taken.first;
    bond->waiting_bytes -= size;
    return taken;
}
