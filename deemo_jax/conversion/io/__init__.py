"""Reads public weight files, refusing hostile and damaged ones, and writes safetensors files."""
