"""Any folder of captioned videos or images as a TFDS dataset."""
