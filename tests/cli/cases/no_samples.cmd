amanuensis --model "$MODEL" "$IN/no_samples.wav" -f srt
