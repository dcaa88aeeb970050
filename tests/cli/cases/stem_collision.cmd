# Three inputs called tone, and one called tone-2: four results.
mkdir a b && cp "$IN/tone.wav" a && cp "$IN/tone.mp3" b && cp "$IN/tone.wav" b/tone-2.wav
amanuensis --model "$MODEL" $FAST -f txt -o out a/tone.wav b/tone.mp3 b/tone-2.wav a/tone.wav
code=$?
rm -r a b
exit $code
