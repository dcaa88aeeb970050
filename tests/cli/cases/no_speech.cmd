# needs: shared pulled
# A tone is nobody's speech: an empty result, no invented word.
amanuensis --model "$PULLED" --language en "$IN/tone.wav" -f srt,txt
