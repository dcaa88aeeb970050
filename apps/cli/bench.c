/*
 * `amanuensis bench`: transcribes files with the engine loaded once and prints where the time
 * went, as a table or as one JSON object. The model's load time stands apart.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cli/interrupt.h"
#include "cli/bench_roofline.h"
#include "cli/verbs.h"
#include "common/report.h"

#define REPEAT_MAX 100
#define STAGES_MAX 32

typedef struct measurement {
    double audio_s;            /* of all files, once */
    double walls_s[REPEAT_MAX]; /* per repetition, all files */
    int n_walls;
    unsigned long n_words;
    double rss_mb;
    FILE *text; /* of the last repetition: a temporary file */
} measurement;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double peak_rss_mb(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss / 1024 : 0;
}

static unsigned long count_words(const char *text) {
    unsigned long n = 0;
    for (text += strspn(text, " \n\t"); *text != '\0'; text += strspn(text, " \n\t")) {
        text += strcspn(text, " \n\t");
        n++;
    }
    return n;
}

static double median(double *values, int n) {
    for (int i = 1; i < n; i++) {
        for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
            const double swapped = values[j];
            values[j] = values[j - 1];
            values[j - 1] = swapped;
        }
    }
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static am_status measure_file(const options *opts, am_session *session, int index,
                              measurement *measured, am_error *error) {
    const am_callbacks callbacks = {.cancel = interrupt_requested};
    am_audio *audio = NULL;
    am_result *result = NULL;
    REPORT_TRY(am_audio_open_file(opts->inputs[index], &opts->audio, &audio, error));
    const am_status status =
        am_transcribe(session, audio, &opts->params, &callbacks, &result, error);
    if (status == AM_OK) {
        const char *text = am_result_text(result);
        measured->audio_s += am_result_duration(result);
        measured->n_words += count_words(text);
        fprintf(measured->text, "%s%s", index > 0 ? "\n" : "", text + strspn(text, " "));
    }
    am_result_free(&result);
    am_audio_close(&audio);
    return status;
}

static int measure_all(const options *opts, am_session *session, measurement *measured,
                       am_error *error) {
    for (int round = 0; round < opts->repeat; round++) {
        measured->audio_s = 0;
        measured->n_words = 0;
        rewind(measured->text);
        const double start = now();
        for (int i = 0; i < opts->n_inputs; i++) {
            if (measure_file(opts, session, i, measured, error) != AM_OK) {
                return report_error(opts->inputs[i], error);
            }
        }
        measured->walls_s[measured->n_walls++] = now() - start;
    }
    return 0;
}

/* ---- Reports ------------------------------------------------------------------------------ */

static void print_json_char(int c) {
    if (c == '"' || c == '\\') {
        printf("\\%c", c);
    } else if (c < ' ') {
        printf("\\u%04x", (unsigned)c);
    } else {
        putchar(c);
    }
}

static void print_json_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) print_json_char((unsigned char)*text);
    putchar('"');
}

/* Every repetition says the same, so that the spooled text has the same length each time. */
static void print_spooled_text(FILE *spool) {
    putchar('"');
    rewind(spool);
    for (int c = getc(spool); c != EOF; c = getc(spool)) print_json_char(c);
    putchar('"');
}

static void print_json(const options *opts, am_engine_info info, const am_roofline *roofline,
                       const am_stage_time *stages, size_t n_stages, measurement *measured) {
    const double wall_s = median(measured->walls_s, measured->n_walls);
    const bool is_batched = opts->params.mode == AM_MODE_BATCHED;
    printf("{\"model\": ");
    print_json_text(opts->model);
    printf(", \"format\": ");
    print_json_text(info.format);
    printf(", \"isa\": ");
    print_json_text(info.isa);
    printf(", \"threads\": %d, \"mode\": \"%s\", \"batch_size\": %d, \"beam_size\": %d, "
           "\"repeat\": %d, \"audio_s\": %.3f, \"load_s\": %.3f, \"wall_s\": %.3f, "
           "\"x_real_time\": %.2f, \"words\": %lu, "
           "\"rss_mb\": %.1f, ",
           info.n_threads, is_batched ? "batched" : "sequential",
           is_batched ? opts->params.batch_size : 1, opts->params.beam_size, opts->repeat,
           measured->audio_s,
           info.load_seconds, wall_s, measured->audio_s / wall_s, measured->n_words,
           measured->rss_mb);
    if (roofline != NULL) {
        printf("\"roofline\": ");
        roofline_print_json(roofline);
        printf(", ");
    }
    printf("\"stages\": {");
    for (size_t i = 0; i < n_stages; i++) {
        const double n = opts->repeat;
        printf("%s\"%s\": {\"s\": %.4f, \"calls\": %.0f, \"operations\": %.4g, "
               "\"bytes\": %.4g, \"steps\": %.0f, \"rows\": %.0f}",
               i > 0 ? ", " : "", stages[i].name, stages[i].seconds / n,
               (double)stages[i].n_calls / n, stages[i].n_operations / n, stages[i].n_bytes / n,
               (double)stages[i].n_steps / n, (double)stages[i].n_rows / n);
    }
    printf("}, \"text\": ");
    print_spooled_text(measured->text);
    printf("}\n");
}

static void print_table(const options *opts, am_engine_info info, const am_roofline *roofline,
                        const am_stage_time *stages, size_t n_stages, measurement *measured) {
    const double wall_s = median(measured->walls_s, measured->n_walls);
    double sum_s = 0;
    printf("%s (%s, %s, %d threads), beam %d, ", opts->model, info.format, info.isa,
           info.n_threads, opts->params.beam_size);
    if (opts->params.mode == AM_MODE_BATCHED) {
        printf("batched, %d at once\n", opts->params.batch_size);
    } else {
        printf("sequential\n");
    }
    printf("%-20s %9s %7s %9s %10s\n", "stage", "s", "share", "calls", "ms/call");
    for (size_t i = 0; i <= n_stages; i++) {
        const bool is_rest = i == n_stages;
        const double seconds = is_rest ? wall_s - sum_s : stages[i].seconds / opts->repeat;
        const double n_calls = is_rest ? 0 : (double)stages[i].n_calls / opts->repeat;
        const bool beside = !is_rest && stages[i].beside;
        printf("%-20s %9.3f %6.1f%% %9.0f %10.3f%s\n", is_rest ? "rest" : stages[i].name, seconds,
               100 * seconds / wall_s, n_calls, n_calls > 0 ? 1e3 * seconds / n_calls : 0,
               beside ? "  beside the others" : "");
        if (!beside) sum_s += seconds;
    }
    printf("audio %.1f s, wall %.3f s, %.1f x real time, load %.3f s, %lu words, "
           "peak RSS %.0f MB\n",
           measured->audio_s, wall_s, measured->audio_s / wall_s, info.load_seconds,
           measured->n_words, measured->rss_mb);
    if (roofline != NULL) roofline_print(roofline);
    roofline_print_stages(roofline, info.compute_type, stages, n_stages);
}

/* The limits of the machine alone. */
static int bench_roofline(const options *opts) {
    am_roofline roofline;
    am_error error;
    if (am_roofline_measure(opts->engine.n_threads, &roofline, &error) != AM_OK) {
        return report_error(NULL, &error);
    }
    if (opts->json) {
        roofline_print_json(&roofline);
        printf("\n");
    } else {
        roofline_print(&roofline);
    }
    return 0;
}

int verb_bench(const options *opts) {
    am_engine *engine = NULL;
    am_session *session = NULL;
    measurement measured = {0};
    am_stage_time stages[STAGES_MAX];
    am_roofline peaks;
    const am_roofline *roofline = NULL;
    am_error error = {.status = AM_OK};
    int exit_code = 0;
    if (opts->roofline && opts->n_inputs == 0) return bench_roofline(opts);
    if (opts->n_inputs == 0) {
        (void)report_fail(&error, AM_E_ARG, "no input file");
        return report_error(NULL, &error);
    }
    measured.text = tmpfile();
    if (measured.text == NULL) {
        (void)report_fail_errno(&error, errno, "cannot make a temporary file");
        return report_error(NULL, &error);
    }
    if (am_engine_open(opts->model, &opts->engine, &engine, &error) != AM_OK ||
        am_session_new(engine, &session, &error) != AM_OK) {
        exit_code = report_error(opts->model, &error);
    } else {
        exit_code = measure_all(opts, session, &measured, &error);
        measured.rss_mb = peak_rss_mb();
    }
    if (exit_code == 0 && opts->roofline) { /* last: its buffer is bigger than the engine */
        if (am_roofline_measure(opts->engine.n_threads, &peaks, &error) == AM_OK) {
            roofline = &peaks;
        } else {
            exit_code = report_error(NULL, &error);
        }
    }
    if (exit_code == 0) {
        const size_t n_stages = am_session_stages(session, stages, STAGES_MAX);
        (opts->json ? print_json : print_table)(opts, am_engine_get_info(engine), roofline, stages,
                                                n_stages, &measured);
    }
    am_session_free(&session);
    am_engine_close(&engine);
    fclose(measured.text);
    return exit_code;
}
