/*
 * Runs a fuzz target without a fuzzer: on every file named, whole, and cut short and damaged at a
 * few places. Each input lies in a block of exactly its size, so that a sanitizer sees a read
 * behind its end.
 *
 *     fuzz_NAME FILE…
 */
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

static int replay(const char *path) {
    static uint8_t bytes[FILE_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return -1;
    }
    const size_t n = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
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
    return 0;
}

int main(int argc, char **argv) {
    int n_failed = 0;
    for (int i = 1; i < argc; i++) n_failed += replay(argv[i]) != 0;
    printf("%d files replayed\n", argc - 1);
    return argc > 1 && n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
