"""The room of SignalingPool: signaling pods, rolled out revision by revision, behind one Service."""
