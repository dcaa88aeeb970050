printf '%s\n' '[amanuensis]' 'repeat = 3' > "$IN/not_of_server.conf"
AMANUENSIS_CONFIG="$IN/not_of_server.conf" amanuensis serve
