amanuensis serve --config "$IN/absent.conf"
