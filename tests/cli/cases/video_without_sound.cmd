amanuensis --model "$MODEL" "$IN/no_sound.mp4" -f srt
