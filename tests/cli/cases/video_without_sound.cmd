amanuensis --model "$MODEL" --vad_filter False "$IN/no_sound.mp4" -f srt
