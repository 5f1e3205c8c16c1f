"""Long proofs on real processes, one command each (`make prove-…`); each leaves its figures in build/prove/."""
