printf '%s\n' 'beam_size = 400' > "$IN/value.conf"
amanuensis serve --beam_size 3 --config "$IN/value.conf"
