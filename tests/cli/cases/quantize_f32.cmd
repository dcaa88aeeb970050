amanuensis quantize "$MODEL" model.amn
amanuensis --model model.amn --compute_type f32 "$IN/tone.wav"
code=$?
rm model.amn
exit $code
