/* Names and paths of models: see hub.h. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/hub.h"

static bool exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

static am_status check_fit(int n_written, size_t capacity, const char *what, am_error *error) {
    if (n_written < 0 || (size_t)n_written >= capacity) {
        AM_FAIL(error, AM_E_ARG, "%s: path too long", what);
    }
    return AM_OK;
}

am_status am__hub_folder(const char *models_dir, char *path, size_t capacity, am_error *error) {
    if (models_dir != NULL) {
        return check_fit(snprintf(path, capacity, "%s", models_dir), capacity, models_dir, error);
    }
    struct passwd entry;
    struct passwd *found = NULL;
    char strings[4096];
    if (getpwuid_r(getuid(), &entry, strings, sizeof strings, &found) != 0 || found == NULL) {
        AM_FAIL(error, AM_E_NOT_FOUND, "no home folder: say where models are");
    }
    const int n = snprintf(path, capacity, "%s/.cache/amanuensis", entry.pw_dir);
    return check_fit(n, capacity, entry.pw_dir, error);
}

am_status am__hub_resolve(const char *model, const char *models_dir, char *path, size_t capacity,
                          am_error *error) {
    if (model == NULL || *model == '\0') AM_FAIL(error, AM_E_ARG, "no model given");
    if (exists(model)) {
        return check_fit(snprintf(path, capacity, "%s", model), capacity, model, error);
    }
    char folder[AM_PATH_MAX];
    AM_TRY(am__hub_folder(models_dir, folder, sizeof folder, error));
    const bool is_name = strchr(model, '/') == NULL && model[0] != '.';
    if (is_name) {
        const int n = snprintf(path, capacity, "%s/%s", folder, model);
        AM_TRY(check_fit(n, capacity, model, error));
        if (exists(path)) return AM_OK;
        AM_FAIL(error, AM_E_NOT_FOUND,
                "model \"%s\" is not in %s (get it with: amanuensis pull %s)", model, folder,
                model);
    }
    AM_FAIL(error, AM_E_NOT_FOUND, "model \"%s\" does not exist", model);
}
