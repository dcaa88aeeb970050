/* See path.h. */
#include "base/path.h"

#include <stdio.h>
#include <unistd.h>

am_status am__path_join(const char *folder, const char *name, char *path, size_t size,
                        am_error *error) {
    const int n = snprintf(path, size, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= size) {
        AM_FAIL(error, AM_E_ARG, "path %s/%s is longer than %zu bytes", folder, name, size - 1);
    }
    return AM_OK;
}

bool am__path_exists(const char *folder, const char *name) {
    char path[AM_PATH_MAX];
    return am__path_join(folder, name, path, sizeof path, NULL) == AM_OK &&
           access(path, F_OK) == 0;
}
