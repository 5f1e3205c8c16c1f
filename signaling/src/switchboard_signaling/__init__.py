"""The signaling server: brings two browsers together and carries their negotiation until media flows directly.

`protocol` decides (no I/O), `broker` holds what pods share, `server` performs the effects, `web` is for the browser.
"""
