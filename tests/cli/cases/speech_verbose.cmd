# needs: shared pulled
AMANUENSIS_BEAM_SIZE=1 amanuensis --model "$PULLED" --verbose True --quiet True "$SHARED/audio/english/misc/jfk.flac" "$SHARED/audio/english/azure/whatstheweatherlike.wav"
