"""Commands for developers: generated files, the protocol's documents, checks and test runners."""
