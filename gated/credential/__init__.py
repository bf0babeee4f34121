"""Opening signed bytes. Here and nowhere else a token becomes a statement; nothing is ever signed."""
