"""What past migrations taught this host."""
