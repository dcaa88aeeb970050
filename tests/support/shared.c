/* Where the shared test data is: see shared.h. */
#include "support/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *shared_path(const char *name) {
    static char path[4096];
    const char *root = getenv("AMANUENSIS_SHARED");
    snprintf(path, sizeof path, "%s/%s", root != NULL ? root : AM_SHARED_DEFAULT, name);
    struct stat info;
    if (stat(path, &info) == 0) return path;

    const char *ci = getenv("CI");
    if (ci != NULL && strcmp(ci, "true") == 0) {
        fprintf(stderr, "missing: %s\n", path);
        exit(EXIT_FAILURE);
    }
    printf("skipped: %s: no such file\n", path);
    return NULL;
}
