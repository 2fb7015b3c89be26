"""Control laws. They decide; the loop in migration/ acts."""
