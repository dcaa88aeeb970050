amanuensis --model "$MODEL" "$IN/text.wav" -f srt
