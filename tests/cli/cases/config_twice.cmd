printf '%s\n' 'hotwords = Amanuensis,' '   Whisper' 'port = 1' '' 'port = 2' > "$IN/twice.conf"
amanuensis serve --config "$IN/twice.conf"
