amanuensis --model "$MODEL" $FAST --raw s16le --rate 8000 - -f tsv < "$IN/tone.s16"
