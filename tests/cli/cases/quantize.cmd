# The file gives the text of its source in 8 bits, to the byte, and is checked.
amanuensis quantize "$MODEL" model.amn && amanuensis quantize --check model.amn || exit 1
amanuensis --model "$MODEL" --compute_type int8 $FAST "$IN/tone.wav" -f json -o a || exit 1
amanuensis --model model.amn $FAST "$IN/tone.wav" -f json -o b || exit 1
cmp a/tone.json b/tone.json && test -s a/tone.json && rm -r a b model.amn
