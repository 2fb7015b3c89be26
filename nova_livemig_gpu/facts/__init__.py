"""The facts of a host, and how they travel in Nova's compute node stats."""
