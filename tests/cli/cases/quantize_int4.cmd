# In four bits too the file gives the text of its source, to the byte, and is smaller.
amanuensis quantize "$MODEL" eight.amn && amanuensis quantize --type int4 "$MODEL" model.amn || exit 1
amanuensis quantize --check model.amn || exit 1
test $(stat -c %s model.amn) -lt $(stat -c %s eight.amn) || exit 1
amanuensis --model "$MODEL" --compute_type int4 $FAST "$IN/tone.wav" -f json -o a || exit 1
amanuensis --model model.amn $FAST "$IN/tone.wav" -f json -o b || exit 1
cmp a/tone.json b/tone.json && test -s a/tone.json && rm -r a b model.amn eight.amn
