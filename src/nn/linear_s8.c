/*
 * Packing and blocking of 8-bit linear layers: see linear_s8.h.
 *
 * Two ways through the same tiles. Many rows: each thread takes blocks of rows, quantises one into
 * its own workspace, where it stays in L2, and passes all panels over it. Few rows (decoder steps):
 * the rows are quantised once, and each thread takes ranges of panels and reads them from memory
 * once. Where the kernels have wide panels, making one pays for a block of rows, not for few.
 */
#include "nn/linear_s8.h"

#include <stdatomic.h>
#include <string.h>

#define FEW_ROWS 96         /* 16 windows of 5 beams, and a prompt's tokens */
#define BLOCK_STEP 24       /* rows; whole tiles of every instruction set divide it */
#define ROWS_MAX 96         /* of a block */
#define SHARES_PER_THREAD 4 /* of panels */

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Of weights of this depth; in four bits, or in eight. */
static size_t panel_bytes(const am_s8_format *format, bool four_bits, size_t k) {
    return four_bits ? am__s4_panel_bytes(format, k) : am__s8_panel_bytes(format, k);
}

static size_t panel_bytes_of(const am_linear_s8 *linear) {
    return panel_bytes(&linear->format, linear->four_bits, linear->n_in);
}

static size_t n_panels_of(const am_linear_s8 *linear) {
    return (linear->n_out + linear->format.nr - 1) / linear->format.nr;
}

static bool is_stored(const am_tensor *weight) {
    return weight->dtype == AM_DTYPE_S8_PANELS || weight->dtype == AM_DTYPE_S4_PANELS;
}

static size_t stored_panel_bytes(const am_tensor *weight) {
    return panel_bytes(&am__s8_stored, weight->dtype == AM_DTYPE_S4_PANELS, weight->n_cols);
}

/* Output `row` of the parts, which lie in a file's panels: values, or codes and groups. */
static void stored_row(const am_linear_part *parts, size_t row, int8_t *values, uint8_t *codes,
                       uint8_t *groups) {
    const size_t nr = am__s8_stored.nr;
    for (; row >= parts->weight->n_rows; parts++) row -= parts->weight->n_rows;
    const am_tensor *weight = parts->weight;
    const char *panel = (const char *)weight->data + row / nr * stored_panel_bytes(weight);
    if (weight->dtype == AM_DTYPE_S4_PANELS) {
        am__s4_unpack_column(&am__s8_stored, panel, row % nr, weight->n_cols, codes, groups);
    } else {
        am__s8_unpack_column(&am__s8_stored, panel, row % nr, weight->n_cols, values);
    }
}

static void stored_scales(const am_linear_part *parts, size_t n_parts, float *scale) {
    for (size_t i = 0; i < n_parts; i++) {
        const size_t n = parts[i].weight->n_rows;
        memcpy(scale, parts[i].weight->scales, n * sizeof *scale);
        scale += n;
    }
}

/* Whether the parts' panels are those of one layer: whole, and one behind the other. */
static bool lie_in_a_row(const am_linear_part *parts, size_t n_parts) {
    const char *next = parts[0].weight->data;
    for (size_t i = 0; i < n_parts; i++) {
        const am_tensor *weight = parts[i].weight;
        const bool whole = weight->n_rows % am__s8_stored.nr == 0 || i + 1 == n_parts;
        if (weight->data != next || !whole) return false;
        next += weight->n_rows / am__s8_stored.nr * stored_panel_bytes(weight);
    }
    return true;
}

/* A panel's rows before they are packed. */
typedef struct unpacked {
    const am_kernels *kernels;
    float *row;               /* [n_in], and as much scratch */
    int8_t *values;           /* [nr, n_in] */
    uint8_t *codes, *groups;  /* in four bits: [nr, n_in], [nr, n_in / 32] */
} unpacked;

static am_status new_unpacked(const am_linear_s8 *linear, unpacked *u, am_error *error) {
    const size_t n = linear->format.nr * linear->n_in;
    AM_TRY(AM_NEW_RAW(&u->row, 2 * linear->n_in, error));
    if (!linear->four_bits) return AM_NEW_RAW(&u->values, n, error);
    AM_TRY(AM_NEW_RAW(&u->codes, n, error));
    return AM_NEW_RAW(&u->groups, n / AM_S4_GROUP, error);
}

static void free_unpacked(unpacked *u) {
    am__free(u->row);
    am__free(u->values);
    am__free(u->codes);
    am__free(u->groups);
}

/* Output `index` into row j of u. */
static void unpack_row(am_linear_s8 *linear, const am_linear_part *parts, size_t n_parts,
                       am_weight_order order, size_t index, size_t j, const unpacked *u) {
    const size_t n_in = linear->n_in;
    const bool four = linear->four_bits;
    int8_t *values = four ? NULL : u->values + j * n_in;
    uint8_t *codes = four ? u->codes + j * n_in : NULL;
    uint8_t *groups = four ? u->groups + j * (n_in / AM_S4_GROUP) : NULL;
    if (is_stored(parts[0].weight)) {
        stored_row(parts, index, values, codes, groups);
        return;
    }
    am__stacked_rows(parts, n_parts, index, 1, order, u->row + n_in, u->row);
    u->kernels->rotate_f32(u->row, u->row, n_in);
    const float back = 1 / (float)am__rotation(n_in); /* a power of two: exact */
    for (size_t i = 0; i < n_in; i++) u->row[i] *= back;
    linear->scale[index] = four ? am__s4_quantize_row(u->row, n_in, codes, groups)
                                : am__quantize_row(u->row, n_in, values);
}

static am_status pack(am_linear_s8 *linear, const am_linear_part *parts, size_t n_parts,
                      am_weight_order order, am_error *error) {
    const size_t nr = linear->format.nr;
    const size_t n_in = linear->n_in;
    unpacked u = {.kernels = am__kernels()};
    const am_status status = new_unpacked(linear, &u, error);
    for (size_t panel = 0; status == AM_OK && panel < n_panels_of(linear); panel++) {
        const size_t first = panel * nr;
        const size_t n = min_size(nr, linear->n_out - first);
        char *out = (char *)linear->packed + panel * panel_bytes_of(linear);
        for (size_t j = 0; j < n; j++) {
            unpack_row(linear, parts, n_parts, order, first + j, j, &u);
        }
        if (linear->four_bits) {
            am__s4_pack(&linear->format, u.codes, u.groups, n, n_in, out);
        } else {
            am__s8_pack(&linear->format, u.values, n, n_in, out);
        }
    }
    if (is_stored(parts[0].weight)) stored_scales(parts, n_parts, linear->scale);
    free_unpacked(&u);
    return status;
}

/* In four bits where asked for or stored so; what is stored in eight, or has rows that do not
 * divide into groups, is in eight. */
static bool takes_four_bits(const am_tensor *weight, bool wanted) {
    if (is_stored(weight)) return weight->dtype == AM_DTYPE_S4_PANELS;
    return wanted && am__s4_fits(weight->n_cols);
}

/* Packs, or with `in_place` takes the panels as they lie. */
static am_status make(am_linear_s8 *linear, const am_s8_format *format,
                      const am_linear_part *parts, size_t n_parts, am_weight_order order,
                      bool four_bits, bool in_place, am_error *error) {
    am_linear_s8 fresh = {.n_in = parts[0].weight->n_cols,
                          .n_out = am__stacked_outputs(parts, n_parts),
                          .four_bits = takes_four_bits(parts[0].weight, four_bits),
                          .format = *format};
    if (fresh.n_in > AM_S8_DEPTH_MAX) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "rows of %zu weights are too long for 8-bit sums",
                fresh.n_in);
    }
    const size_t n_panels = n_panels_of(&fresh);
    const size_t n_columns = n_panels * fresh.format.nr;
    am_status status = AM_NEW(&fresh.scale, n_columns, error);
    if (status == AM_OK) status = AM_NEW(&fresh.bias, n_columns, error);
    if (status == AM_OK && !in_place) {
        status = am__alloc_streamed(n_panels, panel_bytes_of(&fresh), &fresh.packed, error);
        if (status == AM_OK) status = pack(&fresh, parts, n_parts, order, error);
    }
    if (status != AM_OK) {
        am__linear_s8_free(&fresh);
        return status;
    }
    if (in_place) stored_scales(parts, n_parts, fresh.scale);
    am__stacked_bias(parts, n_parts, fresh.bias);
    fresh.panels = in_place ? parts[0].weight->data : fresh.packed;
    *linear = fresh;
    return AM_OK;
}

am_status am__linear_s8_init(am_linear_s8 *linear, const am_kernels *kernels,
                             const am_linear_part *parts, size_t n_parts, am_weight_order order,
                             bool four_bits, am_error *error) {
    const am_s8_format *format = &kernels->s8.format;
    const bool in_place = is_stored(parts[0].weight) && am__s8_is_stored(format) &&
                          lie_in_a_row(parts, n_parts);
    return make(linear, format, parts, n_parts, order, four_bits, in_place, error);
}

am_status am__linear_s8_pack(am_linear_s8 *linear, const am_s8_format *format,
                             const am_linear_part *parts, size_t n_parts, am_weight_order order,
                             bool four_bits, am_error *error) {
    return make(linear, format, parts, n_parts, order, four_bits, false, error);
}

void am__linear_s8_free(am_linear_s8 *linear) {
    am__free(linear->packed);
    am__free(linear->scale);
    am__free(linear->bias);
    *linear = (am_linear_s8){0};
}

size_t am__linear_s8_bytes(const am_linear_s8 *linear) {
    return n_panels_of(linear) *
           (panel_bytes_of(linear) + 2 * linear->format.nr * sizeof(float));
}

typedef struct s8_job {
    const am_linear_s8 *linear;
    const am_kernels *kernels;
    const float *x;
    float *y;
    size_t ldx, ldy, n_rows;
    am_epilogue epilogue;
    char *workspace;                 /* a piece for each part: rows, then space for a panel */
    size_t row_bytes;                /* of a quantised row, */
    size_t rows_bytes, piece_bytes;  /* of those of a block, and of a piece, at whose end */
    size_t rotated;                  /* is a row of f32 */
    size_t block_rows, block_panels; /* taken at once */
    const float *row_scale;          /* few rows: of all of them */
    atomic_size_t next;              /* first row or panel that nobody has taken */
} s8_job;

static size_t align(size_t n) {
    return (n + AM_ALIGNMENT - 1) / AM_ALIGNMENT * AM_ALIGNMENT;
}

static size_t rows_bytes_of(const am_linear_s8 *linear) {
    return align(ROWS_MAX * am__s8_row_bytes(&linear->format, linear->n_in));
}

static size_t rotated_of(const am_linear_s8 *linear) {
    return rows_bytes_of(linear) + align(am__s8_wide_bytes(&linear->format, linear->n_in));
}

static size_t piece_bytes_of(const am_linear_s8 *linear) {
    return rotated_of(linear) + align(linear->n_in * sizeof(float));
}

size_t am__linear_s8_workspace(const am_linear_s8 *linear, const am_exec *exec) {
    return (size_t)am__team_size(exec->team) * piece_bytes_of(linear);
}

/* Rows that are quantised, and where their results go. */
typedef struct s8_rows {
    const char *q;
    size_t row_bytes;
    const float *row_scale;
    size_t n;
    float *y;
    size_t ldy;
    size_t first; /* the column that y begins with */
    bool accumulate;
} s8_rows;

/*
 * A panel in the form that *tile reads. space: am__s8_wide_bytes. Four bits are expanded to eight
 * at its end: where they are widened, this goes forward and reads ahead of what it writes.
 */
static const void *ready_panel(const am_linear_s8 *linear, const am_kernels *kernels, size_t panel,
                               bool widen, void *space, am_gemm_s8_fn **tile) {
    const size_t k = linear->n_in;
    const void *values = (const char *)linear->panels + panel * panel_bytes_of(linear);
    if (linear->four_bits) {
        char *expanded = (char *)space + (am__s8_wide_bytes(&linear->format, k) -
                                          am__s8_panel_bytes(&linear->format, k));
        kernels->expand_s4(k, values, expanded);
        values = expanded;
    }
    *tile = kernels->s8.tile;
    if (widen && kernels->s8.widen != NULL) {
        kernels->s8.widen(k, values, space);
        values = space;
        *tile = kernels->s8.tile_wide;
    }
    return values;
}

/* One panel against rows. */
static void multiply_panel(const am_linear_s8 *linear, const am_kernels *kernels, size_t panel,
                           const s8_rows *rows, bool widen, void *space) {
    const size_t mr = linear->format.mr;
    const size_t column = panel * linear->format.nr;
    const size_t n = min_size(linear->format.nr, linear->n_out - column);
    am_gemm_s8_fn *tile;
    const void *values = ready_panel(linear, kernels, panel, widen, space, &tile);
    size_t m; /* as even as possible: 8 rows are 4 and 4, not 6 and 2 */
    for (size_t r = 0, n_tiles = (rows->n + mr - 1) / mr; r < rows->n; r += m, n_tiles--) {
        m = (rows->n - r + n_tiles - 1) / n_tiles;
        const am_s8_out out = {.y = rows->y + r * rows->ldy + column - rows->first,
                               .ldy = rows->ldy,
                               .row_scale = rows->row_scale + r,
                               .column_scale = linear->scale + column,
                               .bias = linear->bias + column,
                               .accumulate = rows->accumulate};
        tile(m, n, linear->n_in, rows->q + r * rows->row_bytes, rows->row_bytes, values, &out);
    }
}

void am__linear_s8_quantize(const am_kernels *kernels, size_t n_rows, size_t n, const float *x,
                            size_t ldx, void *q, float *row_scale, float *space) {
    const size_t row_bytes = am__s8_row_bytes(&kernels->s8.format, n);
    for (size_t r = 0; r < n_rows; r++) {
        kernels->rotate_f32(space, x + r * ldx, n);
        kernels->s8.quantize(1, n, space, n, (char *)q + r * row_bytes, row_bytes, row_scale + r);
    }
}

void am__linear_s8_rows(const am_linear_s8 *linear, const am_kernels *kernels, const void *q,
                        const float *row_scale, size_t n_rows, float *y, size_t ldy,
                        bool accumulate, void *space) {
    const s8_rows rows = {q, am__s8_row_bytes(&linear->format, linear->n_in), row_scale, n_rows,
                          y, ldy, 0, accumulate};
    for (size_t panel = 0; panel < n_panels_of(linear); panel++) {
        multiply_panel(linear, kernels, panel, &rows, true, space);
    }
}

void am__linear_s8_weight_row(const am_linear_s8 *linear, const am_kernels *kernels, size_t row,
                              float *x) {
    const size_t nr = linear->format.nr;
    const size_t n = linear->n_in;
    const char *panel = (const char *)linear->panels +
                        row / nr * am__s8_panel_bytes(&linear->format, n);
    /* The bytes wait at the end of x: a float never lands on one that is still to be read. */
    int8_t *values = (int8_t *)(x + n) - n;
    am__s8_unpack_column(&linear->format, panel, row % nr, n, values);
    for (size_t i = 0; i < n; i++) {
        const float value = (float)values[i];
        x[i] = value * linear->scale[row];
    }
    kernels->rotate_f32(x, x, n);
}

void am__linear_s8_columns(const am_linear_s8 *linear, const am_kernels *kernels, size_t first,
                           size_t n, const void *q, const float *row_scale, size_t n_rows,
                           float *y, void *space) {
    const size_t nr = linear->format.nr;
    s8_rows rows = {.q = q,
                    .row_bytes = am__s8_row_bytes(&linear->format, linear->n_in),
                    .row_scale = row_scale,
                    .ldy = n,
                    .first = first};
    /* A block of rows meets all panels while it is in L1 or L2. */
    for (size_t row = 0; row < n_rows; row += rows.n) {
        rows.n = min_size(BLOCK_STEP, n_rows - row);
        rows.y = y + row * n;
        for (size_t panel = first / nr; panel < (first + n) / nr; panel++) {
            multiply_panel(linear, kernels, panel, &rows, false, space);
        }
        rows.q += rows.n * rows.row_bytes;
        rows.row_scale += rows.n;
    }
}

/* One panel against quantised rows that are rows [row, row + n_rows) of y. */
static void run_panel(const s8_job *job, size_t panel, size_t row, size_t n_rows, const char *q,
                      const float *row_scale, bool widen, void *space) {
    const s8_rows rows = {q, job->row_bytes, row_scale, n_rows, job->y + row * job->ldy, job->ldy,
                          0, job->epilogue == AM_EPILOGUE_ADD};
    multiply_panel(job->linear, job->kernels, panel, &rows, widen, space);
}

static void apply_gelu(const s8_job *job, size_t row, size_t n_rows, size_t column, size_t n) {
    for (size_t r = row; r < row + n_rows; r++) {
        float *y = job->y + r * job->ldy + column;
        job->kernels->gelu_f32(y, y, n);
    }
}

/* Part of the many-rows way: blocks of rows against all panels. */
static void run_row_blocks(void *context, size_t part, size_t n_parts) {
    (void)n_parts;
    s8_job *job = context;
    char *q = job->workspace + part * job->piece_bytes;
    float row_scale[ROWS_MAX];
    size_t row;
    while ((row = atomic_fetch_add(&job->next, job->block_rows)) < job->n_rows) {
        const size_t n_rows = min_size(job->block_rows, job->n_rows - row);
        am__linear_s8_quantize(job->kernels, n_rows, job->linear->n_in, job->x + row * job->ldx,
                               job->ldx, q, row_scale, (float *)(void *)(q + job->rotated));
        for (size_t panel = 0; panel < n_panels_of(job->linear); panel++) {
            run_panel(job, panel, row, n_rows, q, row_scale, true, q + job->rows_bytes);
        }
        if (job->epilogue == AM_EPILOGUE_GELU) apply_gelu(job, row, n_rows, 0, job->linear->n_out);
    }
}

/* Part of the few-rows way: ranges of panels against all rows, which are in the first piece. */
static void run_panels(void *context, size_t part, size_t n_parts) {
    (void)n_parts;
    s8_job *job = context;
    const am_linear_s8 *linear = job->linear;
    void *space = job->workspace + part * job->piece_bytes + job->rows_bytes;
    size_t first;
    while ((first = atomic_fetch_add(&job->next, job->block_panels)) < n_panels_of(linear)) {
        const size_t end = min_size(first + job->block_panels, n_panels_of(linear));
        for (size_t panel = first; panel < end; panel++) {
            run_panel(job, panel, 0, job->n_rows, job->workspace, job->row_scale, false, space);
        }
        const size_t column = first * linear->format.nr;
        const size_t n = min_size(end * linear->format.nr, linear->n_out) - column;
        if (job->epilogue == AM_EPILOGUE_GELU) apply_gelu(job, 0, job->n_rows, column, n);
    }
}

/* Two blocks or more for each thread where there are enough rows. */
static size_t block_rows_of(size_t n_rows, size_t n_threads) {
    const size_t rows = n_rows / (2 * n_threads) / BLOCK_STEP * BLOCK_STEP;
    return rows < BLOCK_STEP ? BLOCK_STEP : min_size(rows, ROWS_MAX);
}

void am__linear_s8_run(const am_linear_s8 *linear, const am_exec *exec, const float *x, size_t ldx,
                       size_t n_rows, float *y, size_t ldy, am_epilogue epilogue,
                       void *workspace) {
    const size_t n_threads = (size_t)am__team_size(exec->team);
    const size_t n_panels = n_panels_of(linear);
    s8_job job = {.linear = linear,
                  .kernels = exec->kernels,
                  .x = x,
                  .y = y,
                  .ldx = ldx,
                  .ldy = ldy,
                  .n_rows = n_rows,
                  .epilogue = epilogue,
                  .workspace = workspace,
                  .row_bytes = am__s8_row_bytes(&linear->format, linear->n_in),
                  .rows_bytes = rows_bytes_of(linear),
                  .piece_bytes = piece_bytes_of(linear),
                  .rotated = rotated_of(linear),
                  .block_rows = block_rows_of(n_rows, n_threads),
                  .block_panels = 1 + (n_panels - 1) / (n_threads * SHARES_PER_THREAD)};
    if (n_rows > FEW_ROWS) {
        const size_t n_blocks = (n_rows + job.block_rows - 1) / job.block_rows;
        am__team_run(exec->team, min_size(n_threads, n_blocks), run_row_blocks, &job);
        return;
    }
    float row_scale[FEW_ROWS];
    am__linear_s8_quantize(exec->kernels, n_rows, linear->n_in, x, ldx, workspace, row_scale,
                           (float *)(void *)(job.workspace + job.rotated));
    job.row_scale = row_scale;
    am__team_run(exec->team, min_size(n_threads, n_panels), run_panels, &job);
}
