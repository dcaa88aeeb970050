# The model stands alone: what is missing is named once, and how to get it; without it is possible.
amanuensis --model "$MODEL" --language en "$IN/tone.wav" "$IN/tone.mp3"
code=$?
amanuensis --model "$MODEL" --language en --vad_filter False --beam_size 1 --max_new_tokens 2 --temperature_increment_on_fallback None --no_speech_threshold None -f tsv "$IN/tone.wav"
exit $code
