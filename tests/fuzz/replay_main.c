/*
 * Runs a fuzz target without a fuzzer: on every file named, whole, and cut short and damaged at a
 * few places; of a folder on every file as it is, for those are what a fuzzer found. Each input
 * lies in a block of exactly its size, so that a sanitizer sees a read behind its end.
 *
 *     fuzz_NAME FILE|FOLDER…
 */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

#define FILE_MAX (1 << 20)
#define N_PLACES 8

static void run(const uint8_t *bytes, size_t n) {
    uint8_t *exact = malloc(n > 0 ? n : 1);
    if (exact == NULL) abort();
    if (n > 0) memcpy(exact, bytes, n);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static uint8_t bytes[FILE_MAX];
static int n_replayed;

/* The file's bytes into `bytes`, counted. */
static bool read_file(const char *path, size_t *n) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return false;
    }
    *n = fread(bytes, 1, FILE_MAX, file);
    const bool whole = !ferror(file);
    if (!whole) fprintf(stderr, "%s: cannot be read\n", path);
    fclose(file);
    n_replayed += whole;
    return whole;
}

static bool replay_file(const char *path) {
    size_t n;
    if (!read_file(path, &n)) return false;
    run(bytes, n);
    for (size_t i = 0; i < N_PLACES; i++) {
        const size_t place = n * i / N_PLACES;
        run(bytes, place);
        if (n == 0) continue;
        const uint8_t kept = bytes[place];
        bytes[place] = (uint8_t)~kept;
        run(bytes, n);
        bytes[place] = kept;
    }
    return true;
}

static bool replay_folder(const char *path, DIR *folder) {
    const struct dirent *entry;
    bool fine = true;
    while ((entry = readdir(folder)) != NULL) {
        char name[PATH_MAX];
        size_t n;
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (read_file(name, &n)) {
            run(bytes, n);
        } else {
            fine = false;
        }
    }
    return fine;
}

static bool replay(const char *path) {
    DIR *folder = opendir(path);
    if (folder == NULL) return replay_file(path);
    const int n_before = n_replayed;
    const bool fine = replay_folder(path, folder) && n_replayed > n_before;
    closedir(folder);
    return fine;
}

int main(int argc, char **argv) {
    int n_failed = 0;
    for (int i = 1; i < argc; i++) n_failed += !replay(argv[i]);
    printf("%d files replayed\n", n_replayed);
    return argc > 1 && n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
