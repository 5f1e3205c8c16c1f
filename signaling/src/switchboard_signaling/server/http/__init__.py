"""HTTP: the public application, the internal port, the admin API, security headers and TLS."""
