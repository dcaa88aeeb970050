printf '%s\n' '[server]' 'port = 0' > "$IN/section.conf"
amanuensis serve --config "$IN/section.conf"
