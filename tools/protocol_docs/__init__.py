"""The documents of the protocol, generated from its definition: JSON Schema, AsyncAPI, TypeScript and error pages."""
