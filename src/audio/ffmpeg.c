/*
 * Encoded audio in, 16 kHz mono f32 out. The only file that knows FFmpeg.
 *
 * DESIGN. Pull: each read runs demuxer -> decoder -> converter (libswresample: channel mix, format
 * and rate in one) just far enough for the next samples; the converter keeps what did not fit.
 *
 * Time. Sample 0 is the start of the container: the earliest time stamp of its sound and pictures.
 * Encoder delay and edit lists are applied by FFmpeg. Where the time stamps leave a gap (sound
 * that starts after the pictures, packets lost or never sent), silence fills it, so that sample
 * n is n / 16000 s into the file as a player shows it. Overlaps are not cut.
 *
 * Trust. The file may only be read, not followed: nested files and URLs are refused. Errors and
 * filled silence have budgets, so a hostile file ends.
 */
#include "audio/ffmpeg.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define IO_BUFFER_BYTES 32768
#define CHANNELS_MAX 64             /* of libswresample */
#define RATE_MIN 1000               /* below, it is not sound; a few bytes would last for days */
#define FRAME_SAMPLES_MAX (1 << 22) /* what one frame may decode to, per channel */
#define ERRORS_IN_A_ROW_MAX 64      /* without one decoded frame between */
#define START_GAP_MIN_S 0.02        /* below: rounding of the container's clock */
#define GAP_MIN_S 0.1               /* below: jitter of the container's clock */
#define BLIND_SILENCE_MAX_S 3600.0  /* in all, when the container states no duration */
#define SILENCE_MAX_S 86400.0       /* in all, when it does */

typedef struct ffmpeg_audio {
    am_audio base; /* first: am_audio * and ffmpeg_audio * are the same address */
    char *name;
    am_input input;
    AVIOContext *io;
    AVFormatContext *format;
    AVStream *stream;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    int channel; /* as in am_audio_options */

    bool demuxing;      /* false: no packet will come any more */
    bool frame_waiting; /* `frame` is decoded and not yet given to the converter */

    SwrContext *converter; /* NULL between two runs of frames of one form */
    int converter_rate;    /* the form it was made for */
    int converter_format;
    int converter_channels;
    bool backlog; /* it may hold samples that did not fit */
    bool drain;   /* it gets no more input: empty it, then drop it */

    uint64_t n_silence;      /* samples of a gap still to be given out */
    double silence_budget_s; /* what gaps may add from here on */
    double origin_s;         /* time stamp of sample 0 */
    double position_s;       /* decoded and filled so far, from sample 0 */
    bool started;            /* a frame came out */

    int n_errors, n_errors_in_a_row;
    char first_error[160];
} ffmpeg_audio;

/* ---- FFmpeg's own log: to ours, at debug ------------------------------------------------- */

static void forward_log(void *context, int level, const char *format, va_list args) {
    if (level > AV_LOG_WARNING) return;
    char line[512];
    int print_prefix = 1;
    av_log_format_line2(context, level, format, args, line, sizeof line, &print_prefix);
    line[strcspn(line, "\r\n")] = '\0';
    am__log(AM_LOG_DEBUG, "ffmpeg: %s", line);
}

static void silence_ffmpeg(void) {
    av_log_set_callback(forward_log);
}

/* ---- Bytes ------------------------------------------------------------------------------- */

static int read_bytes(void *opaque, uint8_t *bytes, int n) {
    am_input *input = opaque;
    const int taken = am__input_read(input, bytes, n);
    if (taken < 0) return AVERROR(input->error);
    return taken == 0 ? AVERROR_EOF : taken;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence) {
    am_input *input = opaque;
    if ((whence & AVSEEK_SIZE) != 0) return am__input_size(input);
    return am__input_seek(input, offset, whence & ~AVSEEK_FORCE);
}

/* Playlists, image sequences and data references would open other files: none may. Demuxers that
 * open another demuxer go round this function; the protocol whitelist stops those. */
static int refuse_file(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                       AVDictionary **options) {
    (void)format, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EPERM);
}

/* ---- Errors ------------------------------------------------------------------------------ */

static am_status fail_av(const ffmpeg_audio *a, am_error *error, const char *what, int code) {
    if (a->input.error != 0) return am__fail_errno(error, a->input.error, "%s: read", a->name);
    if (!a->input.any) return am__fail(error, AM_E_AUDIO, "%s: is empty", a->name);
    char reason[128];
    av_strerror(code, reason, sizeof reason);
    return am__fail(error, AM_E_AUDIO, "%s: %s: %s", a->name, what, reason);
}

/* A packet that cannot be read or decoded is passed over; too many in a row end the file. */
static void note_error(ffmpeg_audio *a, const char *what, int code) {
    if (a->n_errors++ == 0) {
        char reason[128];
        av_strerror(code, reason, sizeof reason);
        snprintf(a->first_error, sizeof a->first_error, "%s: %s", what, reason);
    }
    if (++a->n_errors_in_a_row >= ERRORS_IN_A_ROW_MAX) a->demuxing = false;
}

/* What the whole file amounted to, when its end is reached. */
static am_status close_the_books(const ffmpeg_audio *a, am_error *error) {
    if (a->input.error != 0) return fail_av(a, error, "", 0);
    if (a->n_errors > 0 && !a->started) {
        AM_FAIL(error, AM_E_AUDIO, "%s: nothing could be decoded: %s%s", a->name, a->first_error,
                a->input.seekable ? "" : " (some formats cannot be read from a pipe)");
    }
    const bool duration_is_a_guess =
        a->format->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
    if (a->n_errors > 0) {
        am__log(AM_LOG_WARN, "audio: damaged file=\"%s\" errors=%d decoded_s=%.2f first=\"%s\"",
                a->name, a->n_errors, a->position_s, a->first_error);
    } else if (!duration_is_a_guess && a->position_s + 1.0 < a->base.duration_s) {
        am__log(AM_LOG_WARN, "audio: truncated file=\"%s\" decoded_s=%.2f stated_s=%.2f", a->name,
                a->position_s, a->base.duration_s);
    }
    return AM_OK;
}

/* ---- Demuxing and decoding --------------------------------------------------------------- */

/* Gives the decoder one packet, or the end. */
static void feed_decoder(ffmpeg_audio *a) {
    int code = av_read_frame(a->format, a->packet);
    if (code == 0) {
        if (a->packet->stream_index == a->stream->index) {
            code = avcodec_send_packet(a->codec, a->packet);
            if (code < 0) note_error(a, "decode", code);
        }
        av_packet_unref(a->packet);
    } else if (code == AVERROR_EOF || a->input.error != 0) {
        a->demuxing = false;
    } else {
        note_error(a, "read", code);
    }
    if (!a->demuxing) {
        code = avcodec_send_packet(a->codec, NULL);
        if (code < 0 && code != AVERROR_EOF) note_error(a, "flush", code);
    }
}

static bool frame_is_usable(const AVFrame *frame) {
    return frame->nb_samples > 0 && frame->nb_samples <= FRAME_SAMPLES_MAX &&
           frame->sample_rate >= RATE_MIN && frame->ch_layout.nb_channels > 0 &&
           frame->ch_layout.nb_channels <= CHANNELS_MAX;
}

/* Decodes the next frame into a->frame; false at the end. */
static bool next_frame(ffmpeg_audio *a) {
    for (;;) {
        const int code = avcodec_receive_frame(a->codec, a->frame);
        if (code == 0 && frame_is_usable(a->frame)) {
            a->n_errors_in_a_row = 0;
            return true;
        }
        if (code == AVERROR_EOF) return false;
        if (code == 0) {
            note_error(a, "decode", AVERROR_INVALIDDATA);
            continue;
        }
        if (code != AVERROR(EAGAIN)) note_error(a, "decode", code);
        /* A decoder that fails while it is flushed has nothing more to give. */
        if (!a->demuxing) return false;
        feed_decoder(a);
    }
}

/* Compares the frame's time stamp with where we are: n_silence is set when a gap is before it. */
static void place_frame(ffmpeg_audio *a) {
    const AVFrame *frame = a->frame;
    const double length_s = (double)frame->nb_samples / frame->sample_rate;
    const bool first = !a->started;
    a->started = true;
    if (frame->best_effort_timestamp != AV_NOPTS_VALUE) {
        const double stamp_s =
            (double)frame->best_effort_timestamp * av_q2d(a->stream->time_base);
        const double gap_s = stamp_s - a->origin_s - a->position_s;
        if (gap_s > (first ? START_GAP_MIN_S : GAP_MIN_S) && gap_s <= a->silence_budget_s) {
            a->n_silence = (uint64_t)llround(gap_s * AM_SAMPLE_RATE);
            a->silence_budget_s -= gap_s;
            a->position_s += gap_s;
            am__log(AM_LOG_DEBUG, "audio: gap at_s=%.3f filled_s=%.3f", a->position_s - gap_s,
                    gap_s);
        } else if (fabs(gap_s) > GAP_MIN_S) {
            /* The clock jumped: go on from its new value. */
            a->origin_s = stamp_s - a->position_s;
        }
    }
    a->position_s += length_s;
}

/* ---- Conversion -------------------------------------------------------------------------- */

static bool converter_fits(const ffmpeg_audio *a) {
    return a->converter_rate == a->frame->sample_rate && a->converter_format == a->frame->format &&
           a->converter_channels == a->frame->ch_layout.nb_channels;
}

/* Makes the converter for frames like a->frame. */
static am_status open_converter(ffmpeg_audio *a, am_error *error) {
    AVFrame *frame = a->frame;
    const int n_channels = frame->ch_layout.nb_channels;
    if (a->channel >= n_channels) {
        AM_FAIL(error, AM_E_ARG, "%s: no channel %d: the stream has %d (0 … %d)", a->name,
                a->channel, n_channels, n_channels - 1);
    }
    /* The layout's names do not matter: every channel counts the same, or only one does. */
    double weights[CHANNELS_MAX] = {0};
    for (int i = 0; i < n_channels; i++) {
        weights[i] = a->channel == AM_CHANNEL_MIX ? 1.0 / n_channels : i == a->channel;
    }
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    int code = swr_alloc_set_opts2(&a->converter, &mono, AV_SAMPLE_FMT_FLT, AM_SAMPLE_RATE,
                                   &frame->ch_layout, (enum AVSampleFormat)frame->format,
                                   frame->sample_rate, 0, NULL);
    if (code == 0 && n_channels > 1) {
        code = av_opt_set_sample_fmt(a->converter, "internal_sample_fmt", AV_SAMPLE_FMT_FLTP, 0);
        if (code == 0) code = swr_set_matrix(a->converter, weights, n_channels);
    }
    if (code == 0) code = swr_init(a->converter);
    if (code < 0) {
        swr_free(&a->converter);
        return fail_av(a, error, "cannot convert to 16 kHz mono", code);
    }
    a->converter_rate = frame->sample_rate;
    a->converter_format = frame->format;
    a->converter_channels = n_channels;
    return AM_OK;
}

/* Runs the converter: with the frame, with nothing new (n_in 0), or to its end (drain). */
static am_status convert(ffmpeg_audio *a, int n_in, float *samples, int capacity, size_t *n_read,
                         am_error *error) {
    uint8_t *out[1] = {(uint8_t *)samples};
    const uint8_t *in[CHANNELS_MAX] = {NULL};
    const bool planar = av_sample_fmt_is_planar((enum AVSampleFormat)a->converter_format) != 0;
    for (int i = 0; !a->drain && i < (planar ? a->converter_channels : 1); i++) {
        in[i] = a->frame->extended_data[i];
    }
    const int n = swr_convert(a->converter, out, capacity, a->drain ? NULL : in, n_in);
    if (n < 0) return fail_av(a, error, "conversion", n);
    a->backlog = n == capacity;
    *n_read = (size_t)n;
    return AM_OK;
}

/* ---- The reader -------------------------------------------------------------------------- */

static size_t give_silence(ffmpeg_audio *a, float *samples, int capacity) {
    const size_t n = a->n_silence < (uint64_t)capacity ? (size_t)a->n_silence : (size_t)capacity;
    memset(samples, 0, n * sizeof *samples);
    a->n_silence -= n;
    return n;
}

/* In this order: what the converter of the frames before still holds, then the silence of a gap,
 * then the waiting frame, then a new one. */
static am_status ffmpeg_read(am_audio *audio, float *samples, size_t capacity, size_t *n_read,
                             am_error *error) {
    ffmpeg_audio *a = (ffmpeg_audio *)audio;
    const int room = capacity < INT_MAX / 8 ? (int)capacity : INT_MAX / 8;
    *n_read = 0;
    while (*n_read == 0) {
        if (a->drain || a->backlog) {
            AM_TRY(convert(a, 0, samples, room, n_read, error));
            if (a->drain && *n_read == 0) {
                swr_free(&a->converter);
                a->drain = false;
            }
        } else if (a->n_silence > 0) {
            *n_read = give_silence(a, samples, room);
        } else if (a->frame_waiting) {
            if (a->converter == NULL) AM_TRY(open_converter(a, error));
            AM_TRY(convert(a, a->frame->nb_samples, samples, room, n_read, error));
            a->frame_waiting = false;
        } else if (next_frame(a)) {
            a->frame_waiting = true;
            place_frame(a);
            a->drain = a->converter != NULL && (a->n_silence > 0 || !converter_fits(a));
        } else if (a->converter != NULL) {
            a->drain = true;
        } else {
            return close_the_books(a, error);
        }
    }
    return AM_OK;
}

static void ffmpeg_close(am_audio *audio) {
    ffmpeg_audio *a = (ffmpeg_audio *)audio;
    swr_free(&a->converter);
    av_frame_free(&a->frame);
    av_packet_free(&a->packet);
    avcodec_free_context(&a->codec);
    avformat_close_input(&a->format);
    if (a->io != NULL) av_freep(&a->io->buffer);
    avio_context_free(&a->io);
    am__input_close(&a->input);
    am__free(a->name);
    am__free(a);
}

static const am_audio_class ffmpeg_class = {.read = ffmpeg_read, .close = ffmpeg_close};

/* ---- Opening ----------------------------------------------------------------------------- */

static am_status open_bytes(ffmpeg_audio *a, am_error *error) {
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (buffer != NULL) {
        a->io = avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, &a->input, read_bytes, NULL,
                                   a->input.seekable ? seek_bytes : NULL);
    }
    a->format = avformat_alloc_context();
    if (a->io == NULL) av_freep(&buffer);
    if (a->io == NULL || a->format == NULL) {
        AM_FAIL(error, AM_E_MEMORY, "%s: out of memory", a->name);
    }
    a->format->pb = a->io;
    a->format->io_open = refuse_file;
    return AM_OK;
}

static am_status open_container(ffmpeg_audio *a, const am_audio_options *options,
                                am_error *error) {
    AM_TRY(open_bytes(a, error));
    const AVInputFormat *demuxer = NULL; /* NULL = find out */
    AVDictionary *settings = NULL;
    const bool raw = options->raw != AM_PCM_NONE;
    if (raw) {
        demuxer = av_find_input_format(options->raw == AM_PCM_S16LE ? "s16le" : "f32le");
        if (demuxer == NULL) AM_FAIL(error, AM_E_UNSUPPORTED, "this FFmpeg lacks raw PCM");
        av_dict_set_int(&settings, "sample_rate", options->raw_rate, 0);
        av_dict_set_int(&settings, "channels", options->raw_channels, 0);
    }
    av_dict_set(&settings, "protocol_whitelist", "none", 0);
    int code = avformat_open_input(&a->format, a->name, demuxer, &settings);
    av_dict_free(&settings);
    if (code < 0) return fail_av(a, error, "not a known audio format", code);
    /* Raw PCM needs no finding out, and a live pipe should not wait for it. */
    if (!raw) code = avformat_find_stream_info(a->format, NULL);
    if (code < 0) return fail_av(a, error, "cannot read the streams", code);
    return AM_OK;
}

/* The audio stream asked for; every other stream is skipped by the demuxer. */
static am_status choose_stream(ffmpeg_audio *a, int wanted, am_error *error) {
    const AVFormatContext *format = a->format;
    const int best = av_find_best_stream(a->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    int n_audio = 0;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        AVStream *stream = format->streams[i];
        stream->discard = AVDISCARD_ALL;
        if (stream->codecpar->codec_type != AVMEDIA_TYPE_AUDIO) continue;
        if (wanted == -1 ? (int)i == best : n_audio == wanted) a->stream = stream;
        n_audio++;
    }
    if (n_audio == 0) AM_FAIL(error, AM_E_NO_AUDIO, "%s: no audio stream", a->name);
    if (a->stream == NULL) {
        AM_FAIL(error, AM_E_ARG, "%s: no audio stream %d: there are %d (0 … %d)", a->name, wanted,
                n_audio, n_audio - 1);
    }
    a->stream->discard = AVDISCARD_DEFAULT;

    const int n_channels = a->stream->codecpar->ch_layout.nb_channels;
    if (a->channel >= n_channels && n_channels > 0) {
        AM_FAIL(error, AM_E_ARG, "%s: no channel %d: the stream has %d (0 … %d)", a->name,
                a->channel, n_channels, n_channels - 1);
    }
    if (n_channels > CHANNELS_MAX) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: %d channels: at most %d", a->name, n_channels,
                CHANNELS_MAX);
    }
    return AM_OK;
}

static am_status open_decoder(ffmpeg_audio *a, am_error *error) {
    const AVCodecParameters *parameters = a->stream->codecpar;
    const AVCodec *decoder = avcodec_find_decoder(parameters->codec_id);
    if (decoder == NULL) {
        AM_FAIL(error, AM_E_AUDIO, "%s: no decoder for %s", a->name,
                avcodec_get_name(parameters->codec_id));
    }
    a->codec = avcodec_alloc_context3(decoder);
    a->packet = av_packet_alloc();
    a->frame = av_frame_alloc();
    if (a->codec == NULL || a->packet == NULL || a->frame == NULL) {
        AM_FAIL(error, AM_E_MEMORY, "%s: out of memory", a->name);
    }
    int code = avcodec_parameters_to_context(a->codec, parameters);
    a->codec->pkt_timebase = a->stream->time_base;
    a->codec->max_samples = FRAME_SAMPLES_MAX;
    a->codec->thread_count = 1;
    if (code == 0) code = avcodec_open2(a->codec, decoder, NULL);
    if (code < 0) return fail_av(a, error, decoder->name, code);
    return AM_OK;
}

/* The earliest start of sound and pictures; cover art has no time. */
static double start_of(const AVFormatContext *format) {
    double start_s = INFINITY;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream *stream = format->streams[i];
        const enum AVMediaType type = stream->codecpar->codec_type;
        if ((type != AVMEDIA_TYPE_AUDIO && type != AVMEDIA_TYPE_VIDEO) ||
            (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0 ||
            stream->start_time == AV_NOPTS_VALUE) {
            continue;
        }
        start_s = fmin(start_s, (double)stream->start_time * av_q2d(stream->time_base));
    }
    return isfinite(start_s) ? start_s : 0.0;
}

/* What the container states; raw PCM states nothing, but its size does. -1 = unknown */
static double duration_of(const ffmpeg_audio *a, const am_audio_options *options) {
    const int64_t n_bytes = am__input_size(&a->input);
    if (options->raw != AM_PCM_NONE && n_bytes >= 0) {
        const int frame_bytes = options->raw_channels * (options->raw == AM_PCM_S16LE ? 2 : 4);
        return (double)n_bytes / frame_bytes / options->raw_rate;
    }
    return a->format->duration > 0 ? (double)a->format->duration / AV_TIME_BASE : -1.0;
}

am_status am__ffmpeg_open(const am_input *input, const am_audio_options *options, am_audio **audio,
                          am_error *error) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, silence_ffmpeg);

    ffmpeg_audio *a = NULL;
    am_status status = AM_NEW(&a, 1, error);
    if (status != AM_OK) {
        am_input unused = *input;
        am__input_close(&unused);
        return status;
    }
    *a = (ffmpeg_audio){
        .base = {.type = &ffmpeg_class, .duration_s = -1.0},
        .input = *input,
        .channel = options->channel,
        .demuxing = true,
        .silence_budget_s = BLIND_SILENCE_MAX_S,
    };
    AM_TRY_DONE(am__strndup(input->name, strlen(input->name), &a->name, error));
    a->input.name = a->name;
    AM_TRY_DONE(open_container(a, options, error));
    AM_TRY_DONE(choose_stream(a, options->stream, error));
    AM_TRY_DONE(open_decoder(a, error));
    a->origin_s = start_of(a->format);
    a->base.duration_s = duration_of(a, options);
    if (a->base.duration_s > 0) {
        a->silence_budget_s = fmin(a->base.duration_s, SILENCE_MAX_S);
    }
    *audio = &a->base;
    a = NULL;
done:
    if (a != NULL) ffmpeg_close(&a->base);
    return status;
}
