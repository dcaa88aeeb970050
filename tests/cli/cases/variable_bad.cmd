AMANUENSIS_BEAM_SIZE=many amanuensis --model "$MODEL" "$IN/tone.wav"
