"""Captioned videos and images, what stage 1 learns from: read, their faces covered, and written as a dataset."""
