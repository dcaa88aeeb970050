/* The progress bar: see progress.h. */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_SECONDS 0.1
#define DEFAULT_COLUMNS 80
#define BAR_CELLS_MAX 40

static struct {
    const char *label;
    progress_unit unit;
    bool shown;
    bool on_screen;
    double started_s;
    double drawn_s;
} bar;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void progress_begin(const char *label, progress_unit unit, bool shown) {
    const char *slash = strrchr(label, '/');
    bar.label = slash != NULL && slash[1] != '\0' ? slash + 1 : label;
    bar.unit = unit;
    bar.shown = shown && isatty(STDERR_FILENO) == 1;
    bar.on_screen = false;
    bar.started_s = now();
    bar.drawn_s = 0;
}

/* "1:02:03" or "02:03". */
static void format_time(double seconds, char *text, size_t size) {
    const long whole = seconds < 0 ? 0 : (long)(seconds + 0.5);
    if (whole >= 3600) {
        snprintf(text, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    } else {
        snprintf(text, size, "%02ld:%02ld", whole / 60, whole % 60);
    }
}

static void format_amount(double amount, char *text, size_t size) {
    if (bar.unit == PROGRESS_SECONDS) {
        format_time(amount, text, size);
    } else {
        snprintf(text, size, "%.1f MB", amount / 1e6);
    }
}

static int columns(void) {
    struct winsize window = {0};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
    return known ? window.ws_col : DEFAULT_COLUMNS;
}

void progress_update(double done, double total) {
    const double time = now();
    if (!bar.shown || (bar.on_screen && time - bar.drawn_s < REDRAW_SECONDS)) return;
    char of_done[32];
    char of_total[32];
    char left[32] = "--:--";
    char line[256];
    format_amount(done, of_done, sizeof of_done);
    if (total > 0) {
        const double part = done < total ? done / total : 1;
        const double elapsed = time - bar.started_s;
        if (part > 0) format_time(elapsed / part - elapsed, left, sizeof left);
        format_amount(total, of_total, sizeof of_total);
        char cells[BAR_CELLS_MAX + 1];
        const int room = columns() - 60;
        const int n_cells = room < 10 ? 10 : room > BAR_CELLS_MAX ? BAR_CELLS_MAX : room;
        const int n_full = (int)(part * n_cells);
        for (int i = 0; i < n_cells; i++) cells[i] = i < n_full ? '#' : '.';
        cells[n_cells] = '\0';
        snprintf(line, sizeof line, "%.24s %3.0f %% [%s] %s / %s, %s left", bar.label, 100 * part,
                 cells, of_done, of_total, left);
    } else {
        snprintf(line, sizeof line, "%.24s %s", bar.label, of_done);
    }
    fprintf(stderr, "\r\033[K%.*s", columns() - 1, line);
    fflush(stderr);
    bar.on_screen = true;
    bar.drawn_s = time;
}

void progress_hide(void) {
    if (!bar.on_screen) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    bar.on_screen = false;
}

void progress_end(void) {
    progress_hide();
    bar.shown = false;
}
