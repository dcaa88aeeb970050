/*
 * What is installed and where: MODELS_DIR/NAME holds the files of a model. The library reads no
 * environment variables, so the default folder follows from the user's entry in passwd.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "hub/hub.h"

am_status am__hub_folder(const char *models_dir, char *path, size_t size, am_error *error) {
    char text[4096];
    struct passwd record, *found = NULL;
    if (models_dir == NULL) {
        const int code = getpwuid_r(getuid(), &record, text, sizeof text, &found);
        if (found == NULL || found->pw_dir == NULL || found->pw_dir[0] != '/') {
            return am__fail_errno(error, code != 0 ? code : ENOENT,
                                  "no home folder for the models: name one");
        }
        return am__path_join(found->pw_dir, ".cache/amanuensis", path, size, error);
    }
    if (models_dir[0] == '\0') AM_FAIL(error, AM_E_ARG, "the name of the models folder is empty");
    const int n = snprintf(path, size, "%s", models_dir);
    if (n < 0 || (size_t)n >= size) AM_FAIL(error, AM_E_ARG, "%s: path too long", models_dir);
    return AM_OK;
}

am_status am__entry_folder(const am_hub_entry *entry, const char *models_dir, char *path,
                           size_t size, am_error *error) {
    char folder[AM_PATH_MAX];
    AM_TRY(am__hub_folder(models_dir, folder, sizeof folder, error));
    return am__path_join(folder, entry->name, path, size, error);
}

bool am__entry_installed(const am_hub_entry *entry, const char *folder) {
    for (const am_hub_file *file = entry->files; file->name != NULL; file++) {
        if (!file->optional && !am__path_exists(folder, file->name)) return false;
    }
    return true;
}

/* By name: of the catalogue, or of a folder that somebody put beside the pulled ones. */
static am_status resolve_name(const char *name, const char *models_dir, char *path, size_t size,
                              am_error *error) {
    char folder[AM_PATH_MAX];
    const am_hub_entry *entry = am__catalogue_find(name);
    AM_TRY(am__hub_folder(models_dir, folder, sizeof folder, error));
    AM_TRY(am__path_join(folder, entry != NULL ? entry->name : name, path, size, error));
    if (entry != NULL ? am__entry_installed(entry, path) : access(path, F_OK) == 0) return AM_OK;
    if (entry != NULL) {
        AM_FAIL(error, AM_E_NOT_FOUND,
                "model \"%s\" is not in %s (get it with: amanuensis pull %s)", name, folder, name);
    }
    AM_FAIL(error, AM_E_NOT_FOUND, "model \"%s\" is no path, not in %s, and none that "
            "\"amanuensis models\" lists", name, folder);
}

am_status am__hub_resolve(const char *name_or_path, const char *models_dir, char *path,
                          size_t size, am_error *error) {
    if (name_or_path == NULL || name_or_path[0] == '\0') {
        AM_FAIL(error, AM_E_ARG, "no model given");
    }
    if (access(name_or_path, F_OK) == 0) {
        const int n = snprintf(path, size, "%s", name_or_path);
        if (n < 0 || (size_t)n >= size) AM_FAIL(error, AM_E_ARG, "%s: path too long", name_or_path);
        return AM_OK;
    }
    if (strchr(name_or_path, '/') != NULL || name_or_path[0] == '.') {
        return am__fail_errno(error, errno, "model \"%s\"", name_or_path);
    }
    return resolve_name(name_or_path, models_dir, path, size, error);
}

bool am__hub_find_vad(const char *models_dir, const char *model, char *path, size_t size) {
    const am_hub_entry *entry = am__catalogue_find(AM_HUB_VAD);
    const char *name = entry->files[0].name;
    char folder[AM_PATH_MAX], beside[AM_PATH_MAX];
    size_t n = strlen(model);
    while (n > 0 && model[n - 1] == '/') n--;
    while (n > 0 && model[n - 1] != '/') n--;
    if (n >= sizeof folder) return false;
    memcpy(folder, model, n);
    folder[n] = '\0';
    snprintf(beside, sizeof beside, "%.*s%s", (int)n, model, entry->name);
    const char *const folders[] = {beside, n > 0 ? folder : "."};
    if (am__entry_folder(entry, models_dir, path, size, NULL) == AM_OK &&
        am__entry_installed(entry, path)) {
        return am__entry_folder(entry, models_dir, folder, sizeof folder, NULL) == AM_OK &&
               am__path_join(folder, name, path, size, NULL) == AM_OK;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (am__path_exists(folders[i], name)) {
            return am__path_join(folders[i], name, path, size, NULL) == AM_OK;
        }
    }
    return false;
}

am_status am_models_list(const char *models_dir, am_model_info **models, size_t *n_models,
                         am_error *error) {
    am_model_info *list = NULL;
    size_t n;
    const am_hub_entry *entries = am__catalogue(&n);
    am_status status = AM_OK;
    AM_TRY(AM_NEW(&list, n, error));
    for (size_t i = 0; i < n; i++) {
        am_model_info *info = &list[i];
        info->name = entries[i].name;
        info->licence = entries[i].licence;
        info->description = entries[i].description;
        info->n_bytes = am__entry_bytes(&entries[i]);
        AM_TRY_DONE(am__entry_folder(&entries[i], models_dir, info->path, sizeof info->path,
                                     error));
        info->installed = am__entry_installed(&entries[i], info->path);
        if (!info->installed) info->path[0] = '\0';
    }
    *models = list;
    *n_models = n;
    list = NULL;
done:
    am__free(list);
    return status;
}

void am_models_free(am_model_info **models) {
    if (models == NULL) return;
    am__free(*models);
    *models = NULL;
}
