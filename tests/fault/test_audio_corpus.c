/*
 * Decodes every file that a manifest lists and compares status and length with what it states.
 *
 *     test_audio_corpus           the shared recordings: good, odd, broken and fuzzed
 *     test_audio_corpus FOLDER    FOLDER/manifest.tsv, as audio_variants.sh makes it
 *
 * Columns: path, group, seconds, …, note (last). Seconds empty or 0: any ending that is not a
 * crash. In the group "variants" the note is the expected status.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "amanuensis.h"
#include "support/shared.h"

#define BLOCK 16000
#define TOLERANCE_S 0.06 /* what encoders pad: two mp3 frames */
#define RSS_MAX_KB (100 * 1024)

#if defined(__has_feature)
#define UNDER_CLANG_ASAN __has_feature(address_sanitizer)
#else
#define UNDER_CLANG_ASAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || UNDER_CLANG_ASAN
#define SANITIZED true /* freed memory is kept back: its size says nothing */
#else
#define SANITIZED false
#endif

typedef struct entry {
    char path[4096];
    bool variant;
    double seconds; /* 0 = not stated */
    const char *status; /* NULL = not stated */
} entry;

static int n_files, n_wrong;
static double n_seconds;

static void complain(const char *path, const char *what) {
    printf("%s: %s\n", path, what);
    n_wrong++;
}

/* Reads to the end and checks every sample; returns seconds. */
static double drain(am_audio *audio, const char *path, am_status *status, am_error *error) {
    static float samples[BLOCK];
    size_t n_all = 0, n = 1;
    bool in_range = true;
    while (n > 0) {
        *status = am_audio_read(audio, samples, BLOCK, &n, error);
        if (*status != AM_OK) break;
        for (size_t i = 0; i < n; i++) in_range = in_range && fabsf(samples[i]) <= 1.0f;
        n_all += n;
    }
    if (!in_range) complain(path, "samples outside [-1, 1]");
    return (double)n_all / AM_SAMPLE_RATE;
}

static void check(const entry *e) {
    am_audio *audio = NULL;
    am_error error = {.detail = ""};
    am_status status = am_audio_open_file(e->path, NULL, &audio, &error);
    double seconds = 0;
    if (status == AM_OK) seconds = drain(audio, e->path, &status, &error);
    am_audio_close(&audio);
    n_files++;
    n_seconds += seconds;

    char line[1024];
    const char *expected = e->status != NULL ? e->status : e->seconds > 0 ? "OK" : NULL;
    if (status != AM_OK && strstr(error.detail, e->path) == NULL) {
        complain(e->path, "the error does not name the file");
    }
    if (expected != NULL && strcmp(am_status_name(status), expected) != 0) {
        snprintf(line, sizeof line, "%s, not %s (%s)", am_status_name(status), expected,
                 error.detail);
        complain(e->path, line);
    } else if (e->seconds > 0 && fabs(seconds - e->seconds) > TOLERANCE_S) {
        snprintf(line, sizeof line, "%.3f s decoded, %.3f stated", seconds, e->seconds);
        complain(e->path, line);
    }
}

/* Splits a line at its tabs, in place; returns the number of fields. */
static int split(char *line, char **fields, int max) {
    int n = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *p = line; p != NULL && n < max; n++) {
        fields[n] = p;
        p = strchr(p, '\t');
        if (p != NULL) *p++ = '\0';
    }
    return n;
}

int main(int argc, char **argv) {
    char folder[4096];
    const char *place = argc > 1 ? argv[1] : shared_path("audio");
    if (place == NULL) return 77; /* Meson's code for a skipped test */
    snprintf(folder, sizeof folder, "%s", place);
    char path[8192];
    snprintf(path, sizeof path, "%s/manifest.tsv", folder);
    FILE *manifest = fopen(path, "r");
    if (manifest == NULL) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return EXIT_FAILURE;
    }
    char line[8192];
    while (fgets(line, sizeof line, manifest) != NULL) {
        char *fields[12] = {NULL};
        const int n_fields = split(line, fields, 12);
        if (n_fields < 4 || strcmp(fields[0], "path") == 0) continue;
        entry e = {.variant = strcmp(fields[1], "variants") == 0};
        snprintf(e.path, sizeof e.path, "%.2000s/%.2000s", folder, fields[0]);
        e.seconds = strtod(fields[2], NULL);
        e.status = e.variant ? fields[n_fields - 1] : NULL;
        check(&e);
    }
    fclose(manifest);

    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%d files, %.0f s of audio, %d wrong, peak %ld KB\n", n_files, n_seconds, n_wrong,
           usage.ru_maxrss);
    if (!SANITIZED && usage.ru_maxrss > RSS_MAX_KB) complain(folder, "too much memory");
    return n_files > 0 && n_wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
