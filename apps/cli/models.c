/* `amanuensis pull` and `amanuensis models`: the catalogue, its progress bar and its table. */
#include <stdio.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "common/report.h"

static bool on_progress(void *user, const char *file, uint64_t n_done, uint64_t n_total) {
    (void)user;
    (void)file;
    progress_update((double)n_done, (double)n_total);
    return !interrupt_requested(NULL);
}

/* Says where the model is now. */
static am_status print_place(const options *opts, const char *name, am_error *error) {
    am_model_info *models = NULL;
    size_t n_models = 0;
    REPORT_TRY(am_models_list(opts->engine.models_dir, &models, &n_models, error));
    for (size_t i = 0; i < n_models; i++) {
        if (strcmp(models[i].name, name) == 0) printf("%s: %s\n", name, models[i].path);
    }
    am_models_free(&models);
    return AM_OK;
}

static am_status pull_one(const options *opts, const char *name, am_error *error) {
    am_pull_options pull = opts->pull;
    pull.models_dir = opts->engine.models_dir;
    pull.progress = on_progress;
    progress_begin(name, PROGRESS_BYTES, !opts->quiet);
    const am_status status = am_model_pull(name, &pull, error);
    progress_end();
    return status == AM_OK ? print_place(opts, name, error) : status;
}

int verb_pull(const options *opts) {
    am_error error;
    if (opts->n_inputs == 0) {
        (void)report_fail(&error, AM_E_ARG, "no model named; see `amanuensis models`");
        return report_error(NULL, &error);
    }
    int exit_code = 0;
    for (int i = 0; i < opts->n_inputs; i++) {
        const am_status status = pull_one(opts, opts->inputs[i], &error);
        if (status == AM_OK) continue;
        const int code = report_error(opts->inputs[i], &error);
        if (exit_code == 0) exit_code = code;
        if (status == AM_E_CANCELLED) break;
    }
    return exit_code;
}

int verb_models(const options *opts) {
    am_model_info *models = NULL;
    size_t n_models = 0;
    am_error error;
    if (am_models_list(opts->engine.models_dir, &models, &n_models, &error) != AM_OK) {
        return report_error(NULL, &error);
    }
    printf("%-20s %10s  %-9s  %s\n", "NAME", "SIZE", "LICENCE", "DESCRIPTION, OR WHERE IT IS");
    for (size_t i = 0; i < n_models; i++) {
        const am_model_info *model = &models[i];
        char size[32] = "";
        if (model->n_bytes > 0) {
            snprintf(size, sizeof size, "%.1f MB", (double)model->n_bytes / 1e6);
        }
        printf("%-20s %10s  %-9s  %s\n", model->name, size, model->licence,
               model->installed ? model->path : model->description);
    }
    am_models_free(&models);
    return 0;
}
