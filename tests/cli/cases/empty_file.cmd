amanuensis --model "$MODEL" "$IN/empty.wav" -f srt
