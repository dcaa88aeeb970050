# Ctrl-C in an endless input: the thread that reads it ends too, and what is done is kept. (In the
# foreground timeout sends one signal; else two, and the second may kill at once.)
cat /dev/zero | timeout --foreground --preserve-status -s INT 1 amanuensis --model "$MODEL" $FAST --mode batched --vad_filter False --raw s16le - -f srt -o out
