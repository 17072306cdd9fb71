"""One sound track after the other as blocks on the clip's clock, and many of them as one."""
