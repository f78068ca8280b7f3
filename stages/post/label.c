/* Greedy label placement. */
#include "config.h"

#include "stages/post/label.h"

#include "engine/base/banned.h"

void fl_labels_init(struct fl_labels *labels, struct fl_box bounds)
{
    labels->bounds = bounds;
    labels->count = 0;
}

void fl_labels_block(struct fl_labels *labels, struct fl_box box)
{
    if (labels->count < FL_LABELS_MAX)
        labels->taken[labels->count++] = box;
}

static bool boxes_meet(const struct fl_box *a, const struct fl_box *b)
{
    return a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h && b->y < a->y + a->h;
}

static bool box_is_free(const struct fl_labels *labels, const struct fl_box *box)
{
    const struct fl_box *bounds = &labels->bounds;

    if (box->x < bounds->x || box->y < bounds->y || box->x + box->w > bounds->x + bounds->w ||
        box->y + box->h > bounds->y + bounds->h)
        return false;
    for (size_t i = 0; i < labels->count; i++)
        if (boxes_meet(box, &labels->taken[i]))
            return false;
    return true;
}

/* The box of a label of this size around (x, y); way 0 to 7. */
static struct fl_box candidate(int way, enum fl_side side, double x, double y, double gap, double w,
                               double h)
{
    double east = x + gap;
    double west = x - gap - w;
    double near = side == FL_SIDE_EAST ? east : west;
    double far = side == FL_SIDE_EAST ? west : east;
    double slant = gap * 0.6;

    switch (way) {
    case 0:
        return (struct fl_box){near, y - h / 2, w, h};
    case 1:
        return (struct fl_box){far, y - h / 2, w, h};
    case 2:
        return (struct fl_box){x - w / 2, y - gap - h, w, h};
    case 3:
        return (struct fl_box){x - w / 2, y + gap, w, h};
    case 4:
        return (struct fl_box){near, y - slant - h, w, h};
    case 5:
        return (struct fl_box){near, y + slant, w, h};
    case 6:
        return (struct fl_box){far, y - slant - h, w, h};
    default: /* 7, the last way */
        return (struct fl_box){far, y + slant, w, h};
    }
}

/* A thin line from the point to the nearest edge of a label that stands apart from it. */
static void draw_leader(struct fl_canvas *canvas, const struct fl_box *box, double x, double y)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    double to_x = x < box->x ? box->x : (x > box->x + box->w ? box->x + box->w : x);
    double to_y = y < box->y ? box->y : (y > box->y + box->h ? box->y + box->h : y);

    cairo_new_path(cairo);
    cairo_move_to(cairo, x, y);
    cairo_line_to(cairo, to_x, to_y);
    fl_canvas_colour(canvas, (struct fl_colour){0.1, 0.1, 0.1}, 0.8);
    cairo_set_line_width(cairo, 0.8);
    cairo_stroke(cairo);
}

bool fl_labels_put(struct fl_labels *labels, struct fl_canvas *canvas,
                   const struct fl_text_style *style, enum fl_side side, double x, double y,
                   double gap, const char *text)
{
    static const double reach[] = {1, 2.6, 4.5, 7};
    struct fl_text_style plain = *style;
    double w = fl_canvas_text_width(canvas, style, text) + 4;
    double h = style->size + 3;

    plain.anchor = FL_ANCHOR_LEFT;
    for (size_t ring = 0; ring < FL_COUNT(reach); ring++) {
        for (int way = 0; way < 8; way++) {
            struct fl_box box = candidate(way, side, x, y, gap * reach[ring], w, h);

            if (!box_is_free(labels, &box))
                continue;
            if (ring > 0)
                draw_leader(canvas, &box, x, y);
            fl_canvas_text(canvas, &plain, box.x + 2, box.y + style->size * 0.86 + 1.5, text);
            fl_labels_block(labels, box);
            return true;
        }
    }
    return false;
}
