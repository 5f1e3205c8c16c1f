"""The two ends of an emulated link, as file descriptors that read and write whole Ethernet frames.

Each frame is preceded by a `struct virtio_net_hdr`, which says whether the checksum still has to be computed, so that
frames pass unchanged with any offloads of the interfaces.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from typing import Protocol

# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
IFF_VNET_HDR = 0x4000
# linux/if_ether.h, linux/if_packet.h
ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
# asm-generic/socket.h; the FORCE variant ignores net.core.rmem_max
SO_RCVBUFFORCE = 33

VNET_HEADER_BYTES = 10
# A frame is at most 64 KiB, even if the sender's segmentation offload is enabled.
FRAME_BYTES = VNET_HEADER_BYTES + 14 + 65536
RECEIVE_BUFFER_BYTES = 4 << 20


class End(Protocol):
    """One end of an emulated link. `read` returns None if no frame is available; both methods may raise OSError."""

    def fileno(self) -> int:
        """Return the file descriptor to wait on."""

    def read(self) -> bytes | None:
        """Return the next frame."""

    def write(self, frame: bytes) -> None:
        """Send a frame."""

    def close(self) -> None:
        """Close the end."""


class Tap:
    """A TAP interface, which exists until it is closed; `read` returns frames from the bridge."""

    def __init__(self, name: str) -> None:
        self._fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self._fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        except OSError:
            os.close(self._fd)
            raise

    def fileno(self) -> int:
        """Return the file descriptor to wait on."""
        return self._fd

    def read(self) -> bytes | None:
        """Return the next frame from the bridge."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self._fd, FRAME_BYTES)
        return None

    def write(self, frame: bytes) -> None:
        """Send a frame to the bridge."""
        os.write(self._fd, frame)

    def close(self) -> None:
        """Close the file descriptor, which removes the interface."""
        os.close(self._fd)


class Port:
    """The bridge's end of a veth pair, through a packet socket; `read` returns frames from the other end."""

    def __init__(self, device: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK)
        try:
            self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
            self._socket.bind((device, ETH_P_ALL))
            self.index = socket.if_nametoindex(device)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the file descriptor to wait on."""
        return self._socket.fileno()

    def read(self) -> bytes | None:
        """Return the next frame from the other end."""
        with contextlib.suppress(BlockingIOError):
            return self._socket.recv(FRAME_BYTES)
        return None

    def write(self, frame: bytes) -> None:
        """Send a frame to the other end."""
        self._socket.send(frame)

    def close(self) -> None:
        """Close the socket; the link stays."""
        self._socket.close()
