amanuensis help pull
