# needs: shared pulled
# Options that say nothing in the mode that was chosen are named.
amanuensis --model "$PULLED" --language en --beam_size 1 --condition_on_previous_text True "$SHARED/audio/english/misc/jfk.flac"
AMANUENSIS_BATCH_SIZE=4 amanuensis --model "$PULLED" --language en --beam_size 1 --mode sequential --vad_threshold 0.4 "$SHARED/audio/english/misc/jfk.flac"
