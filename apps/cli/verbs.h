/* The verbs of the command line. Each takes resolved options and returns the exit code. */
#ifndef AM_CLI_VERBS_H
#define AM_CLI_VERBS_H

#include "common/options.h"

typedef struct verb {
    const char *name;
    const char *arguments;
    const char *summary;
    unsigned bit;
    int (*run)(const options *opts);
} verb;

extern const verb verbs[];
extern const size_t n_verbs;

int verb_transcribe(const options *opts);
int verb_pull(const options *opts);
int verb_models(const options *opts);
int verb_quantize(const options *opts);
int verb_serve(const options *opts);
int verb_keys(const options *opts);
int verb_bench(const options *opts);

#endif
