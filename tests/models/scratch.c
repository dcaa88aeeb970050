/* See scratch.h. */
#define _XOPEN_SOURCE 700

#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

void scratch_path(const char *name, char *path, size_t size) {
    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "/tmp/amanuensis-test-XXXXXX");
        if (mkdtemp(folder) == NULL) {
            perror(folder);
            exit(EXIT_FAILURE);
        }
    }
    if ((size_t)snprintf(path, size, "%s/%s", folder, name) >= size) {
        fprintf(stderr, "%s/%s: path is too long\n", folder, name);
        exit(EXIT_FAILURE);
    }
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info;
    (void)type;
    return walk->level == 0 ? 0 : remove(path);
}

void scratch_clean(void) {
    if (folder[0] != '\0') nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int scratch_teardown(void **state) {
    (void)state;
    scratch_clean();
    if (folder[0] != '\0') rmdir(folder);
    folder[0] = '\0';
    return 0;
}
