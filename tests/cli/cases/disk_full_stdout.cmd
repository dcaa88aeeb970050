amanuensis --model "$MODEL" $FAST "$IN/tone.wav" -f json -o - > /dev/full
