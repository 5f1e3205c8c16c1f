"""How the operator runs: settings, the work queue, kopf, the health port, and the order of start and stop."""
