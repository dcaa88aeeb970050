/*
 * Packing and blocking of linear layers: see linear.h.
 *
 * Two ways through the same tiles. Many rows (encoder, prompt): row blocks of ROWS_PER_BLOCK that
 * stay in L2 are shared out to the threads; each panel is cut along k so that one f32 piece of it
 * stays in L1 while all row tiles of the block pass over it; an f16 panel is converted into that
 * piece once per block. Few rows (decoder steps): panels are shared out, and an f16 panel is read
 * once, straight from memory, for all rows.
 */
#include "nn/linear.h"

#include <string.h>

/* A piece is at most 16 KiB, half of the smallest L1. Its length does not follow from the kernel's
 * width: the order of sums would, too. */
#define NR_MAX 32
#define K_STEP ((size_t)128)
#define ROWS_PER_BLOCK 96
#define FEW_ROWS 24
#define PARTS_PER_THREAD 4

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t n_panels_of(const am_linear *linear) {
    return (linear->n_out + linear->nr - 1) / linear->nr;
}

static bool all_half(const am_linear_part *parts, size_t n_parts) {
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].weight->dtype != AM_DTYPE_F16) return false;
    }
    return true;
}

am_status am__linear_init(am_linear *linear, const am_kernels *kernels,
                          const am_linear_part *parts, size_t n_parts, am_weight_order order,
                          am_error *error) {
    const size_t nr = kernels->gemm.nr;
    am_linear fresh = {.n_in = parts[0].weight->n_cols, .nr = nr, .half = all_half(parts, n_parts)};
    if (nr > NR_MAX) AM_FAIL(error, AM_E_INTERNAL, "tiles of %zu columns", nr);
    fresh.n_out = am__stacked_outputs(parts, n_parts);
    const size_t n_panels = n_panels_of(&fresh);
    const size_t panel_size = fresh.n_in * nr; /* of dimensions checked when the file was read */
    const size_t element = fresh.half ? sizeof(am_f16) : sizeof(float);
    /* One panel's rows [nr, n_in], a row of scratch, and the panel in f32 [n_in, nr]. */
    float *rows = NULL;
    am_status status = am__alloc_raw(n_panels * panel_size, element, &fresh.panels, error);
    if (status == AM_OK) status = AM_NEW(&fresh.bias, n_panels * nr, error);
    if (status == AM_OK) status = AM_NEW_RAW(&rows, (2 * nr + 1) * fresh.n_in, error);
    if (status != AM_OK) {
        am__linear_free(&fresh);
        return status;
    }
    for (size_t panel = 0; panel < n_panels; panel++) {
        const size_t n = min_size(nr, fresh.n_out - panel * nr);
        char *out = (char *)fresh.panels + panel * panel_size * element;
        float *scratch = rows + nr * fresh.n_in;
        float *packed = fresh.half ? scratch + fresh.n_in : (float *)(void *)out;
        am__stacked_rows(parts, n_parts, panel * nr, n, order, scratch, rows);
        am__gemm_pack_f32(rows, n, fresh.n_in, nr, packed);
        if (fresh.half) kernels->f32_to_f16((am_f16 *)(void *)out, packed, panel_size);
    }
    am__stacked_bias(parts, n_parts, fresh.bias);
    am__free(rows);
    *linear = fresh;
    return AM_OK;
}

void am__linear_free(am_linear *linear) {
    am__free(linear->panels);
    am__free(linear->bias);
    *linear = (am_linear){0};
}

size_t am__linear_bytes(const am_linear *linear) {
    const size_t n_columns = n_panels_of(linear) * linear->nr;
    return n_columns * (linear->n_in * (linear->half ? sizeof(am_f16) : sizeof(float)) +
                        sizeof(float));
}

typedef struct linear_job {
    const am_linear *linear;
    const am_kernels *kernels;
    const float *x;
    float *y;
    size_t ldx, ldy, n_rows;
    am_epilogue epilogue;
} linear_job;

/* y += bias before a residual sum: the tiles then only accumulate. */
static void add_bias(const linear_job *job, size_t row, size_t n_rows, size_t column, size_t n) {
    for (size_t r = row; r < row + n_rows; r++) {
        job->kernels->add_f32(job->y + r * job->ldy + column, job->linear->bias + column, n);
    }
}

static void apply_gelu(const linear_job *job, size_t row, size_t n_rows, size_t column, size_t n) {
    for (size_t r = row; r < row + n_rows; r++) {
        float *y = job->y + r * job->ldy + column;
        job->kernels->gelu_f32(y, y, n);
    }
}

/* A piece of a panel: k values from k0 on, in f32 or, as it lies in memory, in f16. */
typedef struct panel_piece {
    size_t panel, k0, k;
    const float *f32;
    const am_f16 *f16; /* if f32 is NULL */
} panel_piece;

static void run_tile(const linear_job *job, const panel_piece *piece, size_t m, const float *x,
                     size_t ldx, float *y, size_t ldy, const float *init, bool accumulate) {
    const size_t n = min_size(job->linear->nr, job->linear->n_out - piece->panel * job->linear->nr);
    if (piece->f32 != NULL) {
        job->kernels->gemm.tile_f32(m, n, piece->k, x, ldx, piece->f32, y, ldy, init, accumulate);
    } else {
        job->kernels->gemm.tile_f16(m, n, piece->k, x, ldx, piece->f16, y, ldy, init, accumulate);
    }
}

/* All tiles of rows [row, row + n_rows) against one piece. */
static void run_piece(const linear_job *job, const panel_piece *piece, size_t row, size_t n_rows) {
    const am_linear *linear = job->linear;
    const size_t mr = job->kernels->gemm.mr;
    const size_t column = piece->panel * linear->nr;
    const bool accumulate = piece->k0 > 0 || job->epilogue == AM_EPILOGUE_ADD;
    const float *init = accumulate ? NULL : linear->bias + column;
    const size_t end = row + n_rows;
    for (size_t r = row; r < end; r += mr) {
        run_tile(job, piece, min_size(mr, end - r), job->x + r * job->ldx + piece->k0, job->ldx,
                 job->y + r * job->ldy + column, job->ldy, init, accumulate);
    }
}

/* Part of the many-rows way: one block of rows against all panels. */
static void run_row_block(void *context, size_t part, size_t n_parts) {
    (void)n_parts;
    const linear_job *job = context;
    const am_linear *linear = job->linear;
    const size_t nr = linear->nr;
    const size_t row = part * ROWS_PER_BLOCK;
    const size_t n_rows = min_size(ROWS_PER_BLOCK, job->n_rows - row);
    _Alignas(AM_ALIGNMENT) float values[K_STEP * NR_MAX];
    if (job->epilogue == AM_EPILOGUE_ADD) add_bias(job, row, n_rows, 0, linear->n_out);
    for (size_t panel = 0; panel < n_panels_of(linear); panel++) {
        for (size_t k0 = 0; k0 < linear->n_in; k0 += K_STEP) {
            const size_t k = min_size(K_STEP, linear->n_in - k0);
            const size_t at = (panel * linear->n_in + k0) * nr;
            panel_piece piece = {panel, k0, k, values, NULL};
            if (linear->half) {
                job->kernels->f16_to_f32(values, (const am_f16 *)linear->panels + at, k * nr);
            } else {
                piece.f32 = (const float *)linear->panels + at;
            }
            run_piece(job, &piece, row, n_rows);
        }
    }
    if (job->epilogue == AM_EPILOGUE_GELU) apply_gelu(job, row, n_rows, 0, linear->n_out);
}

/* One panel against all rows, in the pieces of the many-rows way for the sake of equal sums: the
 * panel is streamed from memory for the first tile of rows. */
static void run_panel(const linear_job *job, size_t panel) {
    const am_linear *linear = job->linear;
    const size_t nr = linear->nr;
    const size_t n = min_size(nr, linear->n_out - panel * nr);
    if (job->epilogue == AM_EPILOGUE_ADD) add_bias(job, 0, job->n_rows, panel * nr, n);
    for (size_t k0 = 0; k0 < linear->n_in; k0 += K_STEP) {
        const size_t at = (panel * linear->n_in + k0) * nr;
        panel_piece piece = {panel, k0, min_size(K_STEP, linear->n_in - k0), NULL, NULL};
        if (linear->half) {
            piece.f16 = (const am_f16 *)linear->panels + at;
        } else {
            piece.f32 = (const float *)linear->panels + at;
        }
        run_piece(job, &piece, 0, job->n_rows);
    }
    if (job->epilogue == AM_EPILOGUE_GELU) apply_gelu(job, 0, job->n_rows, panel * nr, n);
}

/* Part of the few-rows way: a range of panels against all rows. */
static void run_panels(void *context, size_t part, size_t n_parts) {
    const linear_job *job = context;
    const size_t n_panels = n_panels_of(job->linear);
    const size_t end = n_panels * (part + 1) / n_parts;
    for (size_t panel = n_panels * part / n_parts; panel < end; panel++) run_panel(job, panel);
}

void am__linear_run(const am_linear *linear, const am_exec *exec, const float *x, size_t ldx,
                    size_t n_rows, float *y, size_t ldy, am_epilogue epilogue) {
    linear_job job = {linear, exec->kernels, x, y, ldx, ldy, n_rows, epilogue};
    if (n_rows > FEW_ROWS) {
        const size_t n_blocks = (n_rows + ROWS_PER_BLOCK - 1) / ROWS_PER_BLOCK;
        am__team_run(exec->team, n_blocks, run_row_block, &job);
        return;
    }
    const size_t n_shares = (size_t)am__team_size(exec->team) * PARTS_PER_THREAD;
    am__team_run(exec->team, min_size(n_panels_of(linear), n_shares), run_panels, &job);
}

void am__linear_weight_row(const am_linear *linear, const am_kernels *kernels, size_t row,
                           float *out) {
    const size_t at = row / linear->nr * linear->n_in * linear->nr + row % linear->nr;
    for (size_t k = 0; k < linear->n_in; k++) {
        const size_t index = at + k * linear->nr;
        if (linear->half) {
            kernels->f16_to_f32(out + k, (const am_f16 *)linear->panels + index, 1);
        } else {
            out[k] = ((const float *)linear->panels)[index];
        }
    }
}
