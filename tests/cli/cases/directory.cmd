amanuensis --model "$MODEL" "$IN"
