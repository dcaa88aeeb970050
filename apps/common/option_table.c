/*
 * The option table: see options.h. Names and meanings of the decoding options are those of
 * openai/whisper's command line; `prefix`, `hotwords`, `without_timestamps`, `max_new_tokens`
 * and `compute_type` are faster-whisper's.
 */
#include <math.h>
#include <stddef.h>

#include "common/options.h"

#define AT(field) .offset = offsetof(options, field)
#define RANGE(low, high) .min = (low), .max = (high)
#define NONE(value) .takes_none = true, .none = (value)

#define RUN (VERB_TRANSCRIBE | VERB_BENCH)
#define SECONDS_MAX 1e7

const option_spec option_table[] = {
    {"model", 'm', OPTION_TEXT, RUN, AT(model), .argument = "MODEL",
     .help = "name of an installed model, a CTranslate2 or Hugging Face folder, a ggml file, or an "
             ".amn file"},
    {"model_dir", 0, OPTION_TEXT, RUN | VERB_PULL | VERB_MODELS | VERB_QUANTIZE,
     AT(engine.models_dir), .argument = "DIR", .env = "AMANUENSIS_MODELS",
     .help = "folder of installed models; by default in the user's cache folder"},
    {"device", 0, OPTION_CHOICE, RUN, AT(device), .choices = "cpu",
     .help = "device to run on"},
    {"compute_type", 0, OPTION_CHOICE, RUN, AT(engine.compute_type), .choices = "f32|int8|int4",
     .help = "arithmetic of the engine: int8, the default, is two to four times as fast; int4 "
             "halves what a decoder reads, at the price of some words"},
    {"fp16", 0, OPTION_BOOL, RUN, AT(fp16), .argument = "BOOL",
     .help = "accepted for compatibility, without effect: see --compute_type"},
    {"threads", 't', OPTION_INT, RUN, AT(engine.n_threads), RANGE(1, 256), .argument = "N",
     .help = "threads; by default one per core"},
    {"mode", 0, OPTION_CHOICE, RUN, AT(params.mode), .choices = "batched|sequential",
     .help = "batched decodes windows of speech side by side, sequential as openai/whisper one "
             "after another, each with the text before it"},
    {"batch_size", 0, OPTION_INT, RUN, AT(params.batch_size), RANGE(1, AM_MAX_BATCH),
     .argument = "N", .help = "windows decoded at once in batched mode; 8 by default"},
    {"audio_ctx", 0, OPTION_INT, RUN, AT(params.audio_ctx), RANGE(1, 1500),
     .choices = "auto|full", .argument = "N",
     .help = "positions of 20 ms the encoder runs over in batched mode: auto follows the length "
             "of the speech, full is always 30 s, a number is the least"},
    {"audio_ctx_margin", 0, OPTION_INT, RUN, AT(params.audio_ctx_margin), RANGE(0, 1500),
     .argument = "N", .help = "positions behind the speech with --audio_ctx auto; 200 by default"},
    {"vad_filter", 0, OPTION_BOOL, RUN, AT(params.vad_filter), .argument = "BOOL",
     .help = "leave out what is no speech, in batched mode; True by default"},
    {"vad_model", 0, OPTION_TEXT, RUN, AT(engine.vad_model), .argument = "FILE",
     .help = "weights of the speech detector (Silero VAD, ggml); by default the pulled ones"},
    {"vad_threshold", 0, OPTION_REAL, RUN, AT(params.vad.threshold), RANGE(0.001, 0.999),
     .argument = "X", .help = "probability from which on it is speech"},
    {"vad_neg_threshold", 0, OPTION_REAL, RUN, AT(params.vad.neg_threshold), RANGE(0, 0.999),
     NONE(-1), .argument = "X",
     .help = "probability below which speech ends; None is 0.15 below --vad_threshold"},
    {"vad_min_speech_duration_ms", 0, OPTION_INT, RUN, AT(params.vad.min_speech_duration_ms),
     RANGE(0, 3600000), .argument = "MS", .help = "shorter speech is dropped"},
    {"vad_max_speech_duration_s", 0, OPTION_REAL, RUN, AT(params.vad.max_speech_duration_s),
     RANGE(1, 30), .argument = "SECONDS", .help = "longer speech is cut where it pauses"},
    {"vad_min_silence_duration_ms", 0, OPTION_INT, RUN, AT(params.vad.min_silence_duration_ms),
     RANGE(0, 3600000), .argument = "MS", .help = "shorter silence does not end speech"},
    {"vad_speech_pad_ms", 0, OPTION_INT, RUN, AT(params.vad.speech_pad_ms), RANGE(0, 10000),
     .argument = "MS", .help = "kept on both sides of speech"},

    {"output_dir", 'o', OPTION_TEXT, VERB_TRANSCRIBE, AT(output_dir), .argument = "DIR",
     .help = "write files into this folder (made if absent); - writes to standard output"},
    {"output_format", 'f', OPTION_FORMATS, VERB_TRANSCRIBE, AT(formats), .argument = "LIST",
     .help = "txt, vtt, srt, tsv, json, lrc, csv, several with commas, or all; writes files, "
             "into the current folder without -o"},
    {"verbose", 0, OPTION_BOOL, VERB_TRANSCRIBE, AT(verbose), .argument = "BOOL",
     .help = "print each segment with its times as it comes, and informative log lines"},
    {"quiet", 'q', OPTION_BOOL, VERB_TRANSCRIBE | VERB_PULL, AT(quiet), .argument = "BOOL",
     .help = "no progress bar and no warnings"},

    {"task", 0, OPTION_CHOICE, RUN, AT(params.task), .choices = "transcribe|translate",
     .help = "keep the language, or translate into English"},
    {"language", 'l', OPTION_LANGUAGE, RUN, AT(params.language), NONE(0), .argument = "LANGUAGE",
     .help = "language spoken, as a code or an English name; by default detected"},
    {"temperature", 0, OPTION_REAL, RUN, AT(temperature), RANGE(0, 2), .argument = "X",
     .help = "temperature of sampling; 0 takes the most probable text"},
    {"temperature_increment_on_fallback", 0, OPTION_REAL, RUN, AT(temperature_increment),
     RANGE(0.07, 1), NONE(NAN), .argument = "X",
     .help = "raise the temperature by this, up to 1, while a window fails a threshold"},
    {"best_of", 0, OPTION_INT, RUN, AT(params.best_of), RANGE(1, 16), NONE(1), .argument = "N",
     .help = "candidates when sampling at a temperature above 0"},
    {"beam_size", 0, OPTION_INT, RUN, AT(params.beam_size), RANGE(1, 16), NONE(1),
     .argument = "N", .help = "beams of the search at temperature 0; 1 is greedy"},
    {"patience", 0, OPTION_REAL, RUN, AT(params.patience), RANGE(0.1, 16), NONE(1),
     .argument = "X", .help = "patience of the beam search; 1 is the usual search"},
    {"length_penalty", 0, OPTION_REAL, RUN, AT(params.length_penalty), RANGE(0, 1), NONE(-1),
     .argument = "X", .help = "alpha of the length penalty; None is the mean log-probability"},
    {"suppress_tokens", 0, OPTION_TEXT, RUN, AT(params.suppress_tokens), .argument = "IDS",
     .help = "token ids never to write, with commas; -1 stands for the symbols of no speech"},
    {"initial_prompt", 0, OPTION_TEXT, RUN, AT(params.initial_prompt), .argument = "TEXT",
     .key = "prompt",
     .help = "text taken to stand before the first window, in batched mode before every one"},
    {"carry_initial_prompt", 0, OPTION_BOOL, RUN, AT(params.carry_initial_prompt),
     .argument = "BOOL", .help = "put the initial prompt before every window"},
    {"condition_on_previous_text", 0, OPTION_BOOL, RUN, AT(params.condition_on_previous_text),
     .argument = "BOOL",
     .help = "prompt each window with the text before it; sequential mode only"},
    {"prefix", 0, OPTION_TEXT, RUN, AT(params.prefix), .argument = "TEXT",
     .help = "text the first window begins with"},
    {"hotwords", 0, OPTION_TEXT, RUN, AT(params.hotwords), .argument = "TEXT",
     .help = "words to expect, hinted before every window"},
    {"compression_ratio_threshold", 0, OPTION_REAL, RUN, AT(params.compression_ratio_threshold),
     RANGE(0, 1000), NONE(NAN), .argument = "X",
     .help = "a window whose text compresses better than this has failed"},
    {"logprob_threshold", 0, OPTION_REAL, RUN, AT(params.logprob_threshold), RANGE(-1000, 0),
     NONE(NAN), .argument = "X", .key = "log_prob_threshold",
     .help = "a window whose mean log-probability is below this has failed"},
    {"no_speech_threshold", 0, OPTION_REAL, RUN, AT(params.no_speech_threshold), RANGE(0, 1),
     NONE(NAN), .argument = "X",
     .help = "a failed window whose no-speech probability is above this is silence"},
    {"without_timestamps", 0, OPTION_BOOL, RUN, AT(params.without_timestamps),
     .argument = "BOOL", .help = "decode text without timestamp tokens"},
    {"max_new_tokens", 0, OPTION_INT, RUN, AT(params.max_new_tokens), RANGE(1, 448), NONE(0),
     .argument = "N", .help = "most tokens of a window; None is half the text context"},
    {"seed", 0, OPTION_SEED, RUN, AT(params.seed), .argument = "N",
     .help = "seed of sampling: the same seed gives the same text"},

    {"clip_timestamps", 0, OPTION_TEXT, RUN, AT(params.clip_timestamps), .argument = "TIMES",
     .help = "parts to transcribe, in seconds: start,end,start,end… (the last end may be absent)"},
    {"word_timestamps", 0, OPTION_BOOL, RUN, AT(params.word_timestamps), .argument = "BOOL",
     .help = "times of every word"},
    {"prepend_punctuations", 0, OPTION_TEXT, RUN, AT(params.prepend_punctuations),
     .argument = "CHARS", .help = "punctuation that belongs to the word after it"},
    {"append_punctuations", 0, OPTION_TEXT, RUN, AT(params.append_punctuations),
     .argument = "CHARS", .help = "punctuation that belongs to the word before it"},
    {"hallucination_silence_threshold", 0, OPTION_REAL, RUN,
     AT(params.hallucination_silence_threshold), RANGE(0, SECONDS_MAX), NONE(NAN),
     .argument = "SECONDS",
     .help = "skip silences longer than this where the text looks invented; needs word times"},
    {"highlight_words", 0, OPTION_BOOL, VERB_TRANSCRIBE, AT(write.highlight_words),
     .argument = "BOOL", .help = "underline each word as it is spoken in srt and vtt"},
    {"max_line_width", 0, OPTION_INT, VERB_TRANSCRIBE, AT(write.max_line_width), RANGE(1, 10000),
     NONE(0), .argument = "N", .help = "characters in a line of subtitles"},
    {"max_line_count", 0, OPTION_INT, VERB_TRANSCRIBE, AT(write.max_line_count), RANGE(1, 1000),
     NONE(0), .argument = "N", .help = "lines in a subtitle; needs --max_line_width"},
    {"max_words_per_line", 0, OPTION_INT, VERB_TRANSCRIBE, AT(write.max_words_per_line),
     RANGE(1, 1000), NONE(0), .argument = "N",
     .help = "words in a line of subtitles; without effect beside --max_line_width"},

    {"channel", 0, OPTION_INT, RUN, AT(audio.channel), RANGE(0, 63), NONE(AM_CHANNEL_MIX),
     .argument = "N", .help = "transcribe one channel, counted from 0; None mixes all"},
    {"stream", 0, OPTION_INT, RUN, AT(audio.stream), RANGE(0, 1023), NONE(-1), .argument = "N",
     .help = "number of the audio stream in the file; None takes the file's own choice"},
    {"raw", 0, OPTION_CHOICE, RUN, AT(audio.raw), .choices = "none|s16le|f32le",
     .help = "the input is PCM without a header"},
    {"rate", 0, OPTION_INT, RUN, AT(audio.raw_rate), RANGE(1, 768000), .argument = "HZ",
     .help = "sample rate of --raw; by default 16000"},
    {"channels", 0, OPTION_INT, RUN, AT(audio.raw_channels), RANGE(1, 64), .argument = "N",
     .help = "channels of --raw; by default 1"},

    {"mirror", 0, OPTION_TEXT, VERB_PULL, AT(pull.mirror), .argument = "URL",
     .help = "http(s):// or file:// prefix that is tried before all other sources"},
    {"hub_token", 0, OPTION_TEXT, VERB_PULL, AT(pull.hub_token), .argument = "TOKEN",
     .env = "HF_TOKEN", .help = "token for the publisher's hub; better given as the variable"},

    {"type", 0, OPTION_CHOICE, VERB_QUANTIZE, AT(four_bits), .choices = "int8|int4",
     .help = "weights to write: int4 makes a smaller file and decodes one window faster, several "
             "slower, at the price of some words"},
    {"check", 0, OPTION_BOOL, VERB_QUANTIZE, AT(check), .argument = "BOOL",
     .help = "write nothing: read .amn files from end to end and compare their checksums"},

    {"repeat", 0, OPTION_INT, VERB_BENCH, AT(repeat), RANGE(1, 100), .argument = "N",
     .help = "transcribe this often and report the median"},
    {"roofline", 0, OPTION_BOOL, VERB_BENCH, AT(roofline), .argument = "BOOL",
     .help = "measure what this machine can do, and the share of it that each stage reaches; "
             "without files that alone"},
    {"json", 0, OPTION_BOOL, VERB_BENCH, AT(json), .argument = "BOOL",
     .help = "print one JSON object"},
    {"man", 0, OPTION_BOOL, VERB_HELP, AT(man), .argument = "BOOL",
     .help = "print the options as a section of a manual page"},
    {"help", 'h', OPTION_BOOL, VERB_ALL, AT(help), .argument = "BOOL",
     .help = "show this help and end"},
};

const size_t n_option_specs = sizeof option_table / sizeof option_table[0];
_Static_assert(sizeof option_table / sizeof option_table[0] <= OPTION_ROWS_MAX, "options.given");
