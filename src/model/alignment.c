/*
 * Alignment heads: the cross-attention heads whose weights follow the audio, used for word times.
 * The published lists are openai/whisper's _ALIGNMENT_HEADS (whisper/__init__.py), unpacked.
 */
#include "base/mem.h"
#include "model/reader.h"

#define MAX_HEADS 23

typedef struct published_heads {
    int n_decoder_layers, n_heads;
    int n_vocab;
    size_t n;
    struct {
        uint8_t layer, head;
    } heads[MAX_HEADS];
} published_heads;

/* large-v1 has large-v2's geometry and its own list; the later model is assumed. The distilled
 * models have none: their configuration brings the list. */
static const published_heads published[] = {
    /* tiny.en */
    {4, 6, 51864, 8, {{1, 0}, {2, 0}, {2, 5}, {3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 4}}},
    /* tiny */
    {4, 6, 51865, 6, {{2, 2}, {3, 0}, {3, 2}, {3, 3}, {3, 4}, {3, 5}}},
    /* base.en */
    {6, 8, 51864, 5, {{3, 3}, {4, 7}, {5, 1}, {5, 5}, {5, 7}}},
    /* base */
    {6, 8, 51865, 8, {{3, 1}, {4, 2}, {4, 3}, {4, 7}, {5, 1}, {5, 2}, {5, 4}, {5, 6}}},
    /* small.en */
    {12, 12, 51864, 19,
     {{6, 6}, {7, 0}, {7, 3}, {7, 8}, {8, 2}, {8, 5}, {8, 7}, {9, 0}, {9, 4}, {9, 8}, {9, 10},
      {10, 0}, {10, 1}, {10, 2}, {10, 3}, {10, 6}, {10, 11}, {11, 2}, {11, 4}}},
    /* small */
    {12, 12, 51865, 10,
     {{5, 3}, {5, 9}, {8, 0}, {8, 4}, {8, 7}, {8, 8}, {9, 0}, {9, 7}, {9, 9}, {10, 5}}},
    /* medium.en */
    {24, 16, 51864, 18,
     {{11, 4}, {14, 1}, {14, 12}, {14, 14}, {15, 4}, {16, 0}, {16, 4}, {16, 9}, {17, 12},
      {17, 14}, {18, 7}, {18, 10}, {18, 15}, {20, 0}, {20, 3}, {20, 9}, {20, 14}, {21, 12}}},
    /* medium */
    {24, 16, 51865, 6, {{13, 15}, {15, 4}, {15, 15}, {16, 1}, {20, 0}, {23, 4}}},
    /* large-v2 */
    {32, 20, 51865, 23,
     {{10, 12}, {13, 17}, {16, 11}, {16, 12}, {16, 13}, {17, 15}, {17, 16}, {18, 4}, {18, 11},
      {18, 19}, {19, 11}, {21, 2}, {21, 3}, {22, 3}, {22, 9}, {22, 12}, {23, 5}, {23, 7},
      {23, 13}, {25, 5}, {26, 1}, {26, 12}, {27, 15}}},
    /* large-v3 */
    {32, 20, 51866, 10,
     {{7, 0}, {10, 17}, {12, 18}, {13, 12}, {16, 1}, {17, 14}, {19, 11}, {21, 4}, {24, 1},
      {25, 6}}},
    /* large-v3-turbo */
    {4, 20, 51866, 6, {{2, 4}, {2, 11}, {3, 3}, {3, 6}, {3, 11}, {3, 14}}},
};

static am_status from_pairs(am_model *model, am_json *pairs, const char *source, am_error *error) {
    const am_dims *d = &model->dims;
    const size_t n = am__json_size(pairs);
    if (!am__json_is_array(pairs) || n == 0 || n > (size_t)(d->n_decoder_layers * d->n_heads)) {
        AM_FAIL(error, AM_E_MODEL, "%s: alignment_heads is not a list of [layer, head]", source);
    }
    am_head_id *heads;
    AM_TRY(AM_ARENA_NEW(&model->arena, &heads, n, error));
    for (size_t i = 0; i < n; i++) {
        am_json *pair = am__json_at(pairs, i);
        int64_t layer, head;
        if (!am__json_integer(am__json_at(pair, 0), 0, d->n_decoder_layers - 1, &layer) ||
            !am__json_integer(am__json_at(pair, 1), 0, d->n_heads - 1, &head)) {
            AM_FAIL(error, AM_E_MODEL, "%s: alignment head %zu is not in %d layers of %d heads",
                    source, i, d->n_decoder_layers, d->n_heads);
        }
        heads[i] = (am_head_id){(int)layer, (int)head};
    }
    model->alignment_heads = heads;
    model->n_alignment_heads = n;
    return AM_OK;
}

static const published_heads *find_published(const am_dims *d) {
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        const published_heads *row = &published[i];
        if (row->n_decoder_layers == d->n_decoder_layers && row->n_heads == d->n_heads &&
            row->n_vocab == d->n_vocab) {
            return row;
        }
    }
    return NULL;
}

am_status am__alignment_heads_set(am_model *model, am_json *pairs, const char *source,
                                  am_error *error) {
    const am_dims *d = &model->dims;
    if (pairs != NULL) return from_pairs(model, pairs, source, error);
    const published_heads *row = find_published(d);
    const int first_layer = d->n_decoder_layers / 2;
    const size_t n = row != NULL ? row->n : (size_t)((d->n_decoder_layers - first_layer) *
                                                     d->n_heads);
    am_head_id *heads;
    AM_TRY(AM_ARENA_NEW(&model->arena, &heads, n, error));
    for (size_t i = 0; i < n; i++) {
        heads[i] = row != NULL
                       ? (am_head_id){row->heads[i].layer, row->heads[i].head}
                       : (am_head_id){first_layer + (int)i / d->n_heads, (int)i % d->n_heads};
    }
    model->alignment_heads = heads;
    model->n_alignment_heads = n;
    return AM_OK;
}
