"""Reading and writing media files with PyAV, in bounded memory."""

# Samples a second at which voices are read, changed, measured and fed to encoders: ImageBind's rate.
SAMPLE_RATE = 16_000
