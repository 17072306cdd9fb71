"""One voice for everybody: speech is heard as classes of sound and spoken anew by nobody who exists."""
