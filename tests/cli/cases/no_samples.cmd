amanuensis --model "$MODEL" --vad_filter False "$IN/no_samples.wav" -f srt
