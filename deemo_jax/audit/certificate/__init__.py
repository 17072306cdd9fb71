"""The certificate of an audit: one page that prints well, for whoever files it."""
