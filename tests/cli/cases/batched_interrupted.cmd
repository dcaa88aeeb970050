# Ctrl-C in an endless input: the thread that reads it ends too, and what is done is kept.
cat /dev/zero | timeout --preserve-status -s INT 1 amanuensis --model "$MODEL" $FAST --mode batched --vad_filter False --raw s16le - -f srt -o out
