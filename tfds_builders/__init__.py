"""Datasets on disk, one package each; loadable by stock TFDS without TensorFlow."""
