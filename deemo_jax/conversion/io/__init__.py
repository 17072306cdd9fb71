"""Public weight files in, safetensors out; hostile or damaged ones are refused."""
