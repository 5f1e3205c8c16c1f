"""Measure a network path with the standard library only; test_links.py runs it in network namespaces.

link_probe.py serve ADDRESS                       echo UDP, read TCP, answer HTTP; prints "ready" when it listens
link_probe.py rtt ADDRESS COUNT GAP_SECONDS       UDP round trips
link_probe.py send ADDRESS SECONDS                TCP at the maximum rate
"""

import contextlib
import http.server
import json
import os
import socket
import socketserver
import struct
import sys
import threading
import time

UDP_PORT, TCP_PORT, HTTP_PORT = 7000, 7001, 7002
STAMP = struct.Struct("!dI")
PAYLOAD_BYTES = 200


def raise_priority() -> None:
    """Use real-time scheduling if allowed: on a busy machine, waiting for a processor would be measured as delay."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def serve(address: str) -> None:
    """Echo each datagram with the number of datagrams so far; measure the bytes and the duration of streams."""
    raise_priority()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, UDP_PORT))
    tcp = socket.create_server((address, TCP_PORT))
    # Not HTTPServer, which looks up its own name: there is no DNS here.
    web = socketserver.ThreadingTCPServer((address, HTTP_PORT), Page)
    for loop in (lambda: receive(tcp), web.serve_forever):
        threading.Thread(target=loop, daemon=True).start()
    print("ready", flush=True)
    arrived = 0
    while True:
        data, sender = udp.recvfrom(2048)
        arrived += 1
        stamp, _ = STAMP.unpack_from(data)
        udp.sendto(STAMP.pack(stamp, arrived) + data[STAMP.size :], sender)


def receive(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            received, began, ended = 0, 0.0, 0.0
            while data := connection.recv(1 << 18):
                ended = time.monotonic()
                began = began or ended
                received += len(data)
            connection.sendall(json.dumps({"bytes": received, "seconds": ended - began}).encode())


class Page(http.server.BaseHTTPRequestHandler):
    """A page that shows the client's address."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"<title>{self.client_address[0]}</title>".encode())

    def log_message(self, *_: object) -> None:
        """Do not log: the tests parse the output."""


def rtt(address: str, count: int, gap: float) -> None:
    """Print the round trips in milliseconds, and the number of datagrams that reached the other side."""
    raise_priority()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect((address, UDP_PORT))
    udp.settimeout(2)
    trips: list[float] = []
    arrived = [0, 0]  # the other side's count in the first answer and in the last

    def read_answers() -> None:
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            while True:
                sent, so_far = STAMP.unpack_from(udp.recv(2048))
                trips.append((time.monotonic() - sent) * 1000)
                arrived[:] = [arrived[0] or so_far, so_far]

    receiver = threading.Thread(target=read_answers)
    receiver.start()
    for _ in range(count):
        udp.send(STAMP.pack(time.monotonic(), 0).ljust(PAYLOAD_BYTES))
        time.sleep(gap)
    receiver.join()
    print(json.dumps({"sent": count, "arrived": arrived[1] - arrived[0] + 1, "trips_ms": trips}))


def send(address: str, seconds: float) -> None:
    """Send as fast as possible, and print the other side's measurement."""
    with socket.create_connection((address, TCP_PORT), timeout=20) as tcp:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            tcp.send(b"\0" * 16384)
        tcp.shutdown(socket.SHUT_WR)
        print(tcp.recv(1024).decode())


if __name__ == "__main__":
    what, address, *numbers = sys.argv[1:]
    if what == "serve":
        serve(address)
    elif what == "rtt":
        rtt(address, int(numbers[0]), float(numbers[1]))
    else:
        send(address, float(numbers[0]))
