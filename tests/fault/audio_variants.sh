#!/bin/sh
# Makes audio files of many kinds with the ffmpeg program, good and damaged, and has
# test_audio_corpus decode them.
#
#     audio_variants.sh TEST_PROGRAM FOLDER
set -eu
program=$(realpath "$1")
folder=$2

if ! command -v ffmpeg >/dev/null; then
    echo "skipped: audio variants: no ffmpeg program"
    [ "${CI:-}" = true ] && exit 1
    exit 77
fi
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

make_file() { # OUTPUT ffmpeg-arguments…
    output=$1
    shift
    ffmpeg -nostdin -y -loglevel error "$@" "$output"
}

expect() { # FILE SECONDS STATUS
    printf '%s\tvariants\t%s\t\t\t\t%s\n' "$1" "$2" "$3" >>manifest.tsv
}

good() { # OUTPUT ffmpeg-arguments…: four seconds of the source, so encoded
    output=$1
    shift
    make_file "$output" -i source.flac "$@"
    expect "$output" 4 OK
}

make_file source.flac -f lavfi -i "aevalsrc=0.4*sin(440*t*(1+t))|0.3*sin(900*t):s=44100:d=4"
expect source.flac 4 OK

good 8k_stereo_24bit.wav -ar 8000 -ac 2 -c:a pcm_s24le
good surround.flac -ar 48000 -ac 6
good mu_law.wav -ar 8000 -ac 1 -c:a pcm_mulaw
good float_96k.wav -ar 96000 -c:a pcm_f32le
good double.wav -c:a pcm_f64le
good big_endian.aiff -c:a pcm_s16be
good sound.m4a -c:a aac
good fragmented.mp4 -c:a aac -movflags frag_keyframe+empty_moov
good sound.webm -c:a libopus
good sound.opus -c:a libopus -ac 1
good sound.ogg -c:a libvorbis
good sound.mp3 -c:a libmp3lame -b:a 64k
good adts.aac -c:a aac
good ac3.ac3 -c:a ac3
good two_tracks.mkv -i source.flac -map 0 -map 1 -c:a libopus
good mp3.dat -c:a libmp3lame -f mp3
make_file adpcm.wav -i source.flac -ar 16000 -ac 1 -c:a adpcm_ima_wav
expect adpcm.wav 4.08 OK # it codes whole blocks

# Sound that starts half a second after the pictures: the lead is silence.
make_file late.mkv -f lavfi -i testsrc=d=5:s=64x48:r=10 -itsoffset 0.5 -i source.flac \
    -c:v mpeg4 -c:a flac
expect late.mkv 4.5 OK
make_file late.mp4 -f lavfi -i testsrc=d=5:s=64x48:r=10 -itsoffset 0.5 -i source.flac \
    -c:v mpeg4 -c:a aac
expect late.mp4 4.5 OK
make_file video.ts -f lavfi -i testsrc=d=4:s=64x48:r=10 -i source.flac -c:v mpeg2video -c:a mp2
expect video.ts 4 OK

# Two seconds that were never sent: a silence of the same length stands for them.
make_file gap.mka -i source.flac -af "aselect='not(between(t,1,3))'" -c:a flac
expect gap.mka 4 OK

# Rate and channels change on the way.
make_file first.ogg -i source.flac -t 2 -ar 44100 -c:a libvorbis
make_file second.ogg -i source.flac -t 2 -ar 16000 -c:a libvorbis
make_file third.ogg -i source.flac -t 2 -ar 16000 -ac 1 -c:a libvorbis
cat first.ogg second.ogg third.ogg >chained.ogg
expect chained.ogg 6 OK

# Cover art is no picture track.
make_file cover.png -f lavfi -i testsrc=s=64x48:d=0.1 -frames:v 1
make_file cover.mp3 -i sound.mp3 -i cover.png -map 0 -map 1 -c:a copy -disposition:v attached_pic
expect cover.mp3 4 OK
expect cover.png 0 E_NO_AUDIO

make_file silent_film.mp4 -f lavfi -i testsrc=d=1:s=64x48:r=10 -c:v mpeg4
expect silent_film.mp4 0 E_NO_AUDIO

make_file no_samples.wav -f lavfi -i anullsrc=r=16000:cl=mono -t 0
expect no_samples.wav 0 OK

# Damaged: what can be decoded is used.
head -c 16000 sound.mp3 >truncated.mp3
expect truncated.mp3 2 OK
head -c 100000 double.wav >truncated.wav
expect truncated.wav 0.141 OK
head -c 30000 two_tracks.mkv >truncated.mkv
expect truncated.mkv '' OK
{
    head -c 9000 sound.mp3
    head -c 3000 /dev/zero | tr '\000' '\252'
    tail -c +12001 sound.mp3
} >damaged.mp3
expect damaged.mp3 '' OK
{
    head -c 9000 sound.opus
    head -c 3000 /dev/zero | tr '\000' '\252'
    tail -c +12001 sound.opus
} >damaged.opus
expect damaged.opus '' OK
head -c 20000 sound.m4a >no_index.m4a
expect no_index.m4a 0 E_AUDIO

: >empty.mp3
expect empty.mp3 0 E_AUDIO
mkdir folder.wav
expect folder.wav 0 E_AUDIO
expect missing.wav 0 E_NOT_FOUND
for i in 1 2 3 4 5 6 7 8 9; do echo "Line $i of a text that somebody named .wav"; done >text.wav
expect text.wav 0 E_AUDIO
head -c 20000 /dev/zero >zeros.wav
expect zeros.wav 0 E_AUDIO

# An hour at 16 kHz, as a hole in the file system: it must pass through, not pile up.
make_file head.wav -f lavfi -i anullsrc=r=16000:cl=mono -t 0 -bitexact
{
    head -c 4 head.wav
    printf '\044\320\335\006'
    tail -c +9 head.wav | head -c 32
    printf '\000\320\335\006'
} >hour.wav
truncate -s 115200044 hour.wav
expect hour.wav 3600 OK

"$program" .
rm -f hour.wav
