# needs: shared pulled
amanuensis --model "$PULLED" --language en --beam_size 1 --mode sequential "$SHARED/audio/english/misc/jfk.flac"
