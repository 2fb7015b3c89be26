"""Migrations to be replayed: files, runs, and how they are judged."""
