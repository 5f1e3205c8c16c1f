"""SignalingPool: signaling pods behind one Service, scaled, rolled out and rebalanced without losing sessions."""
