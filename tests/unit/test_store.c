/* The store of jobs: order, at most one outcome, all or nothing, and what is searched for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/heap.h"
#include "server/store/store.h"

static char folder[] = "/tmp/test_store_XXXXXX";
static char path[64];

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) fail_msg("%s: %s", am_status_name(status), error->detail);
}

static int open_fresh(void **state) {
    am_error error;
    store *s = NULL;
    unlink(path);
    must(store_open(path, &s, &error), &error);
    *state = s;
    return 0;
}

static int close_it(void **state) {
    store *s = *state;
    char beside[80];
    store_close(&s);
    assert_null(s);
    unlink(path);
    snprintf(beside, sizeof beside, "%s-wal", path);
    unlink(beside);
    snprintf(beside, sizeof beside, "%s-shm", path);
    unlink(beside);
    return 0;
}

static void add(store *s, const char *id, const char *name, const char *webhook) {
    am_error error;
    job j = {.name = heap_string(name), .model = heap_string("tiny"),
             .task = heap_string("transcribe"), .fields = heap_string("{}"),
             .webhook = heap_string(webhook), .n_bytes = 5000000000u, .created = 10,
             .duration = NAN};
    snprintf(j.id, sizeof j.id, "%s", id);
    must(store_add_jobs(s, &j, 1, NULL, &error), &error);
    job_clear(&j);
}

static job look(store *s, const char *id) {
    am_error error;
    job found;
    must(store_find_job(s, id, &found, &error), &error);
    return found;
}

static job take(store *s) {
    am_error error;
    job next = {0};
    bool found = false;
    must(store_take_job(s, 20, &next, &found, &error), &error);
    assert_true(found);
    return next;
}

static bool finish(store *s, job *j, const char *text) {
    am_error error;
    bool stored = false;
    j->status = JOB_DONE;
    j->finished = 30;
    j->duration = 5;
    must(store_finish_job(s, j, "{}", text, "body", &stored, &error), &error);
    return stored;
}

static void in_order_of_arrival(void **state) {
    store *s = *state;
    am_error error;
    add(s, "j_a", "a", NULL);
    add(s, "j_b", "b", NULL);
    job a = look(s, "j_a");
    assert_int_equal(a.status, JOB_QUEUED);
    assert_int_equal(a.position, 1);
    assert_true(a.n_bytes == 5000000000u && isnan(a.duration) && isnan(a.started));
    job_clear(&a);
    a = take(s);
    assert_string_equal(a.id, "j_a");
    assert_int_equal(a.status, JOB_RUNNING);
    assert_int_equal(a.run, 1);
    job b = look(s, "j_b");
    assert_int_equal(b.position, 1);
    must(store_release_job(s, &a, &error), &error);
    job_clear(&a);
    a = take(s);
    assert_string_equal(a.id, "j_a"); /* back in its old place */
    job_clear(&b);
    b = take(s);
    bool found = true;
    job none = {0};
    must(store_take_job(s, 20, &none, &found, &error), &error);
    assert_false(found);
    job_clear(&a);
    job_clear(&b);
}

/* A run that was interrupted, cancelled or replaced leaves nothing. */
static void one_outcome(void **state) {
    store *s = *state;
    am_error error;
    bool changed = false;
    int n = 0;
    add(s, "j_a", "a", "http://example.org");
    job first = take(s);
    must(store_release_all(s, &n, &error), &error);
    assert_int_equal(n, 1);
    job second = take(s);
    assert_int_equal(second.n_interrupted, 1);
    assert_false(finish(s, &first, "first"));
    must(store_cancel_job(s, &second, 40, "cancelled", &changed, &error), &error);
    assert_true(changed);
    assert_false(finish(s, &second, "second"));
    must(store_cancel_job(s, &second, 40, "cancelled", &changed, &error), &error);
    assert_false(changed);
    must(store_retry_job(s, "j_a", &changed, &error), &error);
    assert_true(changed);
    job third = take(s);
    assert_int_equal(third.run, 3);
    assert_true(finish(s, &third, "third"));
    assert_false(finish(s, &third, "again"));
    must(store_retry_job(s, "j_a", &changed, &error), &error);
    assert_false(changed);
    job_clear(&first);
    job_clear(&second);
    job_clear(&third);

    delivery due = {0};
    bool found = false;
    double next_s = 0;
    static const char *const bodies[] = {"cancelled", "body"};
    for (int i = 0; i < 2; i++) {
        must(store_take_delivery(s, 100, 60, &due, &found, &next_s, &error), &error);
        assert_true(found);
        assert_string_equal(due.body, bodies[i]);
        assert_int_equal(due.n_tries, 1);
        delivery_clear(&due);
    }
    must(store_take_delivery(s, 100, 60, &due, &found, &next_s, &error), &error);
    assert_false(found);
    assert_true(next_s == 60); /* whoever took them may have died */
    must(store_take_delivery(s, 161, 60, &due, &found, &next_s, &error), &error);
    assert_int_equal(due.n_tries, 2);
    must(store_drop_delivery(s, due.number, &error), &error);
    delivery_clear(&due);
}

static size_t search(store *s, const char *words, char snippet[200]) {
    am_error error;
    job *list = NULL;
    size_t n = 0;
    size_t n_total = 0;
    const job_query query = {.status = -1, .words = words, .limit = 10};
    must(store_list_jobs(s, &query, &list, &n, &n_total, &error), &error);
    assert_int_equal(n, n_total);
    if (n > 0) snprintf(snippet, 200, "%s", list[0].snippet);
    jobs_free(list, n);
    return n;
}

static void words_are_found(void **state) {
    store *s = *state;
    am_error error;
    char snippet[200];
    add(s, "j_a", "Zürich.mp3", NULL);
    job a = take(s);
    assert_true(finish(s, &a, " The \"quick\" brown fox."));
    job_clear(&a);
    assert_int_equal(search(s, "quick fox", snippet), 1);
    assert_string_equal(snippet, " The \"«quick»\" brown «fox».");
    assert_int_equal(search(s, "BRO", snippet), 1);
    assert_int_equal(search(s, "row", snippet), 0);
    assert_int_equal(search(s, "zurich", snippet), 1);
    assert_int_equal(search(s, "fox zebra", snippet), 0);
    must(store_edit_result(s, "j_a", "{\"edited\":1}", "flamingo", &error), &error);
    assert_int_equal(search(s, "quick", snippet), 0);
    assert_int_equal(search(s, "flamingo", snippet), 1);
    char *result = NULL;
    must(store_get_result(s, "j_a", false, &result, &error), &error);
    assert_string_equal(result, "{\"edited\":1}");
    heap_free(result);
    must(store_get_result(s, "j_a", true, &result, &error), &error);
    assert_string_equal(result, "{}");
    heap_free(result);
    assert_int_equal(store_edit_result(s, "j_b", "{}", "", &error), AM_E_NOT_FOUND);
}

static void removed_is_gone(void **state) {
    store *s = *state;
    am_error error;
    bool changed = true;
    char ids[4][STORE_ID_BYTES];
    char snippet[200];
    size_t n = 9;
    add(s, "j_a", "a", NULL);
    must(store_remove_job(s, "j_a", &changed, &error), &error);
    assert_false(changed); /* it waits */
    job a = take(s);
    assert_true(finish(s, &a, "flamingo"));
    job_clear(&a);
    must(store_set_peaks(s, "j_a", (const unsigned char *)"abc", 3, 1.5, &error), &error);
    must(store_expired_jobs(s, 30, ids, 4, &n, &error), &error);
    assert_int_equal(n, 0);
    must(store_expired_jobs(s, 31, ids, 4, &n, &error), &error);
    assert_int_equal(n, 1);
    assert_string_equal(ids[0], "j_a");
    must(store_remove_job(s, "j_a", &changed, &error), &error);
    assert_true(changed);
    job gone;
    char *result = NULL;
    unsigned char *peaks = NULL;
    double duration = 0;
    assert_int_equal(store_find_job(s, "j_a", &gone, &error), AM_E_NOT_FOUND);
    assert_int_equal(store_get_result(s, "j_a", false, &result, &error), AM_E_NOT_FOUND);
    must(store_get_peaks(s, "j_a", &peaks, &n, &duration, &error), &error);
    assert_int_equal(n, 0);
    assert_int_equal(search(s, "flamingo", snippet), 0);
}

static void watched_files_and_keys(void **state) {
    store *s = *state;
    am_error error;
    bool has = true;
    watched_file file = {"/in/a.wav", 1764072000123456789, 42};
    must(store_has_watched(s, &file, &has, &error), &error);
    assert_false(has);
    must(store_add_jobs(s, NULL, 0, &file, &error), &error);
    must(store_has_watched(s, &file, &has, &error), &error);
    assert_true(has);
    file.modified_ns++;
    must(store_has_watched(s, &file, &has, &error), &error);
    assert_false(has);

    const api_key key = {.id = "k_1", .name = "phone", .digest = "abc", .created = 5};
    api_key found;
    must(store_add_key(s, &key, &error), &error);
    assert_int_equal(store_add_key(s, &key, &error), AM_E_ARG);
    assert_int_equal(store_use_key(s, "abd", 10, &found, &error), AM_E_NOT_FOUND);
    must(store_use_key(s, "abc", 10, &found, &error), &error);
    assert_true(found.used == 10);
    must(store_use_key(s, "abc", 20, &found, &error), &error);
    assert_true(found.used == 10); /* written once a minute */
    must(store_remove_key(s, "phone", &error), &error);
    assert_int_equal(store_remove_key(s, "phone", &error), AM_E_NOT_FOUND);
}

static void another_opens_it(void **state) {
    am_error error;
    add(*state, "j_a", "a", NULL);
    store *again = NULL;
    must(store_open(path, &again, &error), &error);
    job a = look(again, "j_a");
    assert_string_equal(a.name, "a");
    job_clear(&a);
    store_close(&again);
}

static void damage_is_named(void **state) {
    (void)state;
    char other[80];
    am_error error;
    store *s = NULL;
    snprintf(other, sizeof other, "%s/damaged.db", folder);
    FILE *file = fopen(other, "wb");
    assert_non_null(file);
    for (int i = 0; i < 500; i++) fputs("this is no data base ", file);
    fclose(file);
    assert_int_equal(store_open(other, &s, &error), AM_E_IO);
    assert_non_null(strstr(error.detail, "damaged"));
    assert_null(s);
    unlink(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_order_of_arrival, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(one_outcome, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(words_are_found, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(removed_is_gone, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(watched_files_and_keys, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(another_opens_it, open_fresh, close_it),
        cmocka_unit_test(damage_is_named),
    };
    if (mkdtemp(folder) == NULL) return 1;
    snprintf(path, sizeof path, "%s/jobs.db", folder);
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return n_failed;
}
