amanuensis --model "$MODEL" $FAST "$IN/stereo_8k_24bit.wav" -f json
