"""Speech made anew from words and their times, by a synthesiser."""
