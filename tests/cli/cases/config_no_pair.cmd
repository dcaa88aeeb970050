printf '%s\n' 'port = 0' 'port 0' > "$IN/no_pair.conf"
amanuensis serve --config "$IN/no_pair.conf"
