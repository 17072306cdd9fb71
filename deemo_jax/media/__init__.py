"""Reading and writing media files with PyAV, in bounded memory."""

# Hz at which voices are read, changed, measured and fed to encoders. ImageBind's audio encoder was trained at it.
SAMPLE_RATE = 16_000
