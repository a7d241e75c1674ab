"""One file a version, newest last."""
