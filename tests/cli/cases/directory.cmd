amanuensis --model "$MODEL" --vad_filter False "$IN"
