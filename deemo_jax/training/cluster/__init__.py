"""The processes of one run: how they find each other, and how each hears that another has failed."""
