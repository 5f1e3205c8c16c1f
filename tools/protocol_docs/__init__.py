"""Generate the protocol's documents from its definitions: JSON Schema, AsyncAPI, TypeScript and the error page."""
