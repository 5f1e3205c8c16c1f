"""HTTP: the public application, the internal port, the admin API, and what makes their answers safe."""
