"""One live migration: settings, loop, hooks and record."""
