amanuensis help
