/*
 * `amanuensis keys add NAME | list | remove NAME`: the API keys of the server whose data folder is
 * named, while it runs too. A key is shown once; what is kept is its SHA-256.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/verbs.h"
#include "common/heap.h"
#include "common/report.h"
#include "server/access/keyring.h"
#include "server/store/spool.h"
#include "server/base/wall_clock.h"

static am_status add(store *keys, const char *name, am_error *error) {
    char key[KEYRING_KEY_BYTES];
    api_key kept;
    api_key *others = NULL;
    size_t n = 0;
    bool taken = false;
    REPORT_TRY(keyring_make(name, key, &kept, error));
    REPORT_TRY(store_list_keys(keys, &others, &n, error));
    for (size_t i = 0; i < n; i++) taken = taken || strcmp(others[i].name, name) == 0;
    heap_free(others);
    if (taken) return report_fail(error, AM_E_ARG, "%s: there is a key of this name", name);
    REPORT_TRY(store_add_key(keys, &kept, error));
    printf("%s\n", key);
    fprintf(stderr, "amanuensis: this is the only time that the key is shown\n");
    return AM_OK;
}

static am_status list(store *keys, am_error *error) {
    api_key *all = NULL;
    size_t n = 0;
    REPORT_TRY(store_list_keys(keys, &all, &n, error));
    for (size_t i = 0; i < n; i++) {
        char made[32];
        char used[32] = "never";
        clock_stamp(all[i].created, made);
        if (!isnan(all[i].used)) clock_stamp(all[i].used, used);
        printf("%-24s %s  made %s  used %s\n", all[i].name, all[i].id, made, used);
    }
    heap_free(all);
    return AM_OK;
}

static am_status run(const options *opts, am_error *error) {
    const char *what = opts->n_inputs > 0 ? opts->inputs[0] : "";
    const char *name = opts->n_inputs > 1 ? opts->inputs[1] : NULL;
    const bool lists = strcmp(what, "list") == 0;
    const bool adds = strcmp(what, "add") == 0;
    if ((!lists && !adds && strcmp(what, "remove") != 0) || opts->n_inputs != (lists ? 1 : 2)) {
        return report_fail(error, AM_E_ARG, "expected add NAME, list, or remove NAME");
    }
    if (opts->data_dir == NULL) return report_fail(error, AM_E_ARG, "--data_dir: not given");
    store *keys = NULL;
    char path[1100];
    snprintf(path, sizeof path, "%s/jobs.db", opts->data_dir);
    REPORT_TRY(spool_make_folder(opts->data_dir, error));
    REPORT_TRY(store_open(path, &keys, error));
    am_status status = lists  ? list(keys, error)
                       : adds ? add(keys, name, error)
                              : store_remove_key(keys, name, error);
    store_close(&keys);
    return status;
}

int verb_keys(const options *opts) {
    am_error error;
    return run(opts, &error) == AM_OK ? 0 : report_error(NULL, &error);
}
