"""Commands for developers: generated files, the documents of the protocol, and the runner of unit tests."""
