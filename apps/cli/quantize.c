/* `amanuensis quantize`: writes a model as an .amn file, or checks such files. */
#include <stdio.h>

#include "cli/verbs.h"
#include "common/report.h"

static int check_all(const options *opts) {
    am_error error;
    int exit_code = 0;
    for (int i = 0; i < opts->n_inputs; i++) {
        if (am_model_verify(opts->inputs[i], &error) == AM_OK) {
            printf("%s: all checksums match\n", opts->inputs[i]);
            continue;
        }
        const int code = report_error(NULL, &error);
        if (exit_code == 0) exit_code = code;
    }
    return exit_code;
}

int verb_quantize(const options *opts) {
    am_error error;
    if (opts->check && opts->n_inputs > 0) return check_all(opts);
    if (opts->check || opts->n_inputs != 2) {
        (void)report_fail(&error, AM_E_ARG, opts->check ? "no file to check"
                          : "%d arguments, expected a model and the file to write",
                          opts->n_inputs);
        return report_error(NULL, &error);
    }
    if (am_model_quantize(opts->inputs[0], opts->engine.models_dir,
                          opts->four_bits ? AM_COMPUTE_INT4 : AM_COMPUTE_INT8, opts->inputs[1],
                          &error) != AM_OK) {
        return report_error(NULL, &error);
    }
    printf("%s: written\n", opts->inputs[1]);
    return 0;
}
