"""Evaluation: answers are generated, scored with intervals, held against what is attainable, and shown."""
