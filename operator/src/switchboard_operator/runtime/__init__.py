"""The running operator: settings, work queue, kopf, health port, startup and shutdown."""
