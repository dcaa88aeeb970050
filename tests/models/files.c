/* See files.h. */
#define _XOPEN_SOURCE 700

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "files.h"

const char *shared_path(const char *name) {
    static char path[4096];
    const char *root = getenv("AMANUENSIS_SHARED");
    const char *ci = getenv("CI");
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", root != NULL ? root : "../shared", name);
    if (stat(path, &info) != 0) {
        if (ci != NULL && strcmp(ci, "true") == 0) fail_msg("missing: %s", path);
        print_message("skipped: no %s\n", path);
        skip();
    }
    return path;
}

static char folder[64];

void scratch_path(const char *name, char *path, size_t size) {
    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "/tmp/amanuensis-test-XXXXXX");
        if (mkdtemp(folder) == NULL) fail_msg("cannot make %s", folder);
    }
    assert_true((size_t)snprintf(path, size, "%s/%s", folder, name) < size);
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
