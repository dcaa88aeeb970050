amanuensis --model "$MODEL" --vad_filter False "$IN/empty.wav" -f srt
