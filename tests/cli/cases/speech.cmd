# needs: shared pulled
amanuensis --model "$PULLED" --language en --beam_size 1 "$SHARED/audio/english/misc/jfk.flac"
