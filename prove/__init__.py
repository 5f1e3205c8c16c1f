"""Long proofs with real processes, one command each (`make prove-…`); each writes its figures to build/prove/."""
