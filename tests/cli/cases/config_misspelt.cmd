printf '%s\n' '# a comment' '[amanuensis]' 'port = 0' 'beam_sise = 3' > "$IN/misspelt.conf"
amanuensis serve --config "$IN/misspelt.conf"
