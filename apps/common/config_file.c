/* The configuration file, read by inih: see config_file.h. */
#include "common/config_file.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"

#define VALUE_MAX 8192

/* One NAME = VALUE of the file; `text` holds both. */
typedef struct config_entry {
    struct config_entry *next;
    int line;
    char *name, *value;
} entry;

typedef struct reading {
    FILE *in;
    entry *first, *last;
    int line;
    bool continues; /* the line in hand is indented */
    const char *wrong; /* what is wrong with it, or NULL */
} reading;

/* inih's reader. Its buffer has a fixed size, and a longer line would be read as two. */
static char *read_line(char *buffer, int size, void *stream) {
    reading *r = stream;
    if (r->wrong != NULL || fgets(buffer, size, r->in) == NULL) return NULL;
    r->line++;
    r->continues = buffer[0] == ' ' || buffer[0] == '\t';
    if (strlen(buffer) + 1 == (size_t)size && strchr(buffer, '\n') == NULL) {
        r->wrong = "the line is too long; go on in an indented one";
        return NULL;
    }
    return buffer;
}

static int go_on(reading *r, const char *value) {
    char *joined = heap_print("%s %s", r->last->value, value);
    if (joined == NULL || strlen(joined) > VALUE_MAX) {
        r->wrong = joined == NULL ? "out of memory" : "the value is too long";
        heap_free(joined);
        return 0;
    }
    heap_free(r->last->value);
    r->last->value = joined;
    return 1;
}

static int on_value(void *user, const char *section, const char *name, const char *value) {
    reading *r = user;
    if (r->wrong != NULL) return 0;
    if (section[0] != '\0' && strcmp(section, "amanuensis") != 0) {
        r->wrong = "no such section; the only one is [amanuensis]";
        return 0;
    }
    if (r->continues && r->last != NULL && strcmp(r->last->name, name) == 0) {
        return go_on(r, value);
    }
    entry *fresh = heap_new(sizeof *fresh);
    if (fresh != NULL) *fresh = (entry){NULL, r->line, heap_string(name), heap_string(value)};
    if (fresh == NULL || fresh->name == NULL || fresh->value == NULL) {
        if (fresh != NULL) heap_free(fresh->name);
        if (fresh != NULL) heap_free(fresh->value);
        heap_free(fresh);
        r->wrong = "out of memory";
        return 0;
    }
    if (r->last != NULL) r->last->next = fresh;
    if (r->first == NULL) r->first = fresh;
    r->last = fresh;
    return 1;
}

static void free_entries(entry *at) {
    while (at != NULL) {
        entry *next = at->next;
        heap_free(at->name);
        heap_free(at->value);
        heap_free(at);
        at = next;
    }
}

void config_file_release(options *opts) {
    free_entries(opts->config_values);
    opts->config_values = NULL;
}

/* All entries; the error names the first line that is none. */
static am_status read_entries(const char *path, reading *r, am_error *error) {
    const int bad_line = ini_parse_stream(read_line, r, on_value, r);
    if (ferror(r->in) != 0) return report_fail(error, AM_E_IO, "%s: cannot be read", path);
    if (r->wrong != NULL) {
        return report_fail(error, AM_E_ARG, "%s:%d: %s", path, r->line, r->wrong);
    }
    if (bad_line == 0) return AM_OK;
    if (bad_line < 0) return report_fail(error, AM_E_MEMORY, "%s", path);
    return report_fail(error, AM_E_ARG, "%s:%d: expected NAME = VALUE", path, bad_line);
}

static const char *config_name_at(size_t index) {
    return option_table[index].name;
}

static am_status apply_entry(options *opts, unsigned verb, const char *path, const entry *e,
                             am_error *error) {
    char shown[600];
    const option_spec *spec = options_find(e->name, strlen(e->name));
    snprintf(shown, sizeof shown, "%s:%d: %s", path, e->line, e->name);
    if (spec == NULL) {
        const char *nearest = options_nearest(e->name, config_name_at, n_option_specs);
        return report_fail(error, AM_E_ARG, "%s: no such option%s%s%s", shown,
                           nearest != NULL ? "; did you mean " : "",
                           nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    }
    const bool is_setting = (spec->verbs & VERB_SERVE) != 0 && spec->verbs != VERB_ALL &&
                            strcmp(spec->name, "config") != 0;
    if (!is_setting) return report_fail(error, AM_E_ARG, "%s: not an option of the server", shown);
    const bool wanted = (spec->verbs & verb) != 0 && !opts->given[spec - option_table];
    if (wanted) return options_set(opts, spec, shown, e->value, error);
    options scratch = *opts; /* wrong values are told even where they are not used */
    return options_set(&scratch, spec, shown, e->value, error);
}

static am_status apply_entries(options *opts, unsigned verb, const char *path, const entry *first,
                               am_error *error) {
    for (const entry *e = first; e != NULL; e = e->next) {
        for (const entry *before = first; before != e; before = before->next) {
            if (strcmp(before->name, e->name) != 0) continue;
            return report_fail(error, AM_E_ARG, "%s:%d: %s: given in line %d already", path,
                               e->line, e->name, before->line);
        }
        if (e->value[0] == '\0') continue; /* as good as a comment */
        REPORT_TRY(apply_entry(opts, verb, path, e, error));
    }
    return AM_OK;
}

am_status config_file_apply(options *opts, unsigned verb, am_error *error) {
    const option_spec *config = options_find("config", strlen("config"));
    if (config == NULL || (config->verbs & verb) == 0) return AM_OK;
    const bool named = opts->config != NULL && opts->config[0] != '\0';
    const char *path = named ? opts->config : CONFIG_FILE_DEFAULT;
    reading r = {.in = fopen(path, "r")};
    if (r.in == NULL && !named && errno == ENOENT) return AM_OK;
    if (r.in == NULL && !named && errno == EACCES) {
        report_warning("%s: may not be read, ignored", path);
        return AM_OK;
    }
    if (r.in == NULL) return report_fail_errno(error, errno, "%s", path);
    am_status status = read_entries(path, &r, error);
    fclose(r.in);
    opts->config_values = r.first;
    if (status == AM_OK) status = apply_entries(opts, verb, path, r.first, error);
    return status;
}
