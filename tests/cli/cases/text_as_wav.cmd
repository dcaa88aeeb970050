amanuensis --model "$MODEL" --vad_filter False "$IN/text.wav" -f srt
