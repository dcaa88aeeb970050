# Batched mode reads a pipe too; without the detector everything is transcribed.
amanuensis --model "$MODEL" $FAST --mode batched --vad_filter False --raw s16le --rate 8000 - -f tsv < "$IN/tone.s16"
