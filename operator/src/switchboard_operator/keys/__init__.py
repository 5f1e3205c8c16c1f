"""The root key, the secrets derived from it, and certificates."""
