#!/bin/sh
# Prints the path of a short recording of speech: one that a Debian package carries, else a
# sentence spoken by espeak-ng or flite into the file named by the argument.
set -eu

made=$1
for found in /usr/share/sounds/alsa/Front_Center.wav \
             /usr/share/sounds/speech-dispatcher/test.wav; do
    if [ -r "$found" ]; then
        echo "$found"
        exit 0
    fi
done

sentence='The quick brown fox jumps over the lazy dog.'
mkdir -p "$(dirname "$made")"
if command -v espeak-ng >/dev/null 2>&1; then
    espeak-ng -w "$made" "$sentence"
elif command -v flite >/dev/null 2>&1; then
    flite -t "$sentence" -o "$made"
else
    echo 'sample: no spoken sample here: name one with FILE=talk.mp3' >&2
    exit 1
fi
echo "$made"
