// The hot loop of the load generator, for both sides of all pairs: it acknowledges each message, and sends the next
// message after each acknowledgement, each in a write of its own like a browser. It sleeps between frames like clients:
// a load that is always busy would hide the cost of waking clients. load.py opens the connections and calls it.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 16, TEXT = 1, EVENTS = 256 };
static const char SEQ[] = "\"seq\":";

// The parts of a frame before and after its number. The caller owns the pointers.
typedef struct {
  const char *before, *after;
} Frame;

typedef struct {
  int fd;
  Frame message, ack;
  const char *heartbeat;
  unsigned char mask[4];
  int64_t sent, received, acknowledged, wrong;
  int held;
  unsigned char in[ROOM];
} Client;

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

// Send a masked text frame (RFC 6455 section 5.2).
static void send_text(Client *client, const char *text, int size) {
  unsigned char out[2048];
  int head = 2;
  out[0] = 0x80 | TEXT;
  if (size < 126) {
    out[1] = 0x80 | size;
  } else {
    out[1] = 0x80 | 126, out[2] = size >> 8, out[3] = size;
    head = 4;
  }
  memcpy(out + head, client->mask, 4);
  for (int i = 0; i < size; i++) out[head + 4 + i] = text[i] ^ client->mask[i & 3];
  if (send(client->fd, out, head + 4 + size, MSG_NOSIGNAL) != head + 4 + size) client->wrong++;
}

static void send_numbered(Client *client, const Frame *frame, int64_t seq) {
  char text[1024];
  send_text(client, text, snprintf(text, sizeof text, "%s%lld%s", frame->before, (long long)seq, frame->after));
}

// Handle a frame of the server. A message that is lost, duplicated or out of order counts as wrong.
static void receive(Client *client, const char *text, int size) {
  const char *number = memmem(text, size, SEQ, strlen(SEQ));
  if (number == NULL) {
    // Of the heartbeats, Switchboard's is an object and engine.io's is a single digit.
    if (client->heartbeat && (size == 1 || memmem(text, size, "\"heartbeat\"", 11)))
      send_text(client, client->heartbeat, strlen(client->heartbeat));
    return;
  }
  int64_t seq = strtoll(number + strlen(SEQ), NULL, 10);
  if (memmem(text, size, "\"ack\"", 5)) {
    client->wrong += seq != ++client->acknowledged;
    send_numbered(client, &client->message, ++client->sent);
  } else {
    client->wrong += seq != ++client->received;
    send_numbered(client, &client->ack, client->received);
  }
}

// Read and handle frames; servers send whole, unmasked frames. Return whether the connection is open.
static int read_frames(Client *client) {
  int got = recv(client->fd, client->in + client->held, ROOM - client->held, 0);
  if (got <= 0) return 0;
  unsigned char *at = client->in, *end = client->in + client->held + got;
  while (end - at >= 2) {
    int head = 2, size = at[1];
    if (size == 126) {
      if (end - at < 4) break;
      head = 4, size = at[2] << 8 | at[3];
    }
    if (end - at < head + size) break;
    if ((at[0] & 0xF) == TEXT) receive(client, (char *)at + head, size);
    at += head + size;
  }
  client->held = end - at;
  memmove(client->in, at, client->held);
  return 1;
}

Client *pump_new(int count) { return calloc(count, sizeof(Client)); }

void pump_add(Client *clients, int i, int fd, const char *message_before, const char *message_after,
              const char *ack_before, const char *ack_after, const char *heartbeat, const unsigned char *mask) {
  Client *client = clients + i;
  client->fd = fd;
  client->message = (Frame){message_before, message_after};
  client->ack = (Frame){ack_before, ack_after};
  client->heartbeat = heartbeat;
  memcpy(client->mask, mask, 4);
}

// Send each client's first messages: as many as it keeps in flight from now on.
void pump_start(Client *clients, int count, int in_flight) {
  for (int i = 0; i < count; i++)
    for (int k = 0; k < in_flight; k++) send_numbered(clients + i, &clients[i].message, ++clients[i].sent);
}

// Exchange messages for some seconds. Return the number of lost connections.
int pump_run(Client *clients, int count, double seconds) {
  int epoll = epoll_create1(0), lost = 0;
  for (int i = 0; i < count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event);
  }
  struct epoll_event events[EVENTS];
  for (double end = seconds_now() + seconds; seconds_now() < end && !lost;) {
    int ready = epoll_wait(epoll, events, EVENTS, 100);
    for (int i = 0; i < ready; i++) lost += !read_frames(clients + events[i].data.u32);
  }
  close(epoll);
  return lost;
}

// Return over all clients: received messages, wrong frames, and clients without any acknowledgement.
void pump_counts(const Client *clients, int count, int64_t counts[3]) {
  memset(counts, 0, 3 * sizeof *counts);
  for (int i = 0; i < count; i++) {
    counts[0] += clients[i].received;
    counts[1] += clients[i].wrong;
    counts[2] += !clients[i].acknowledged;
  }
}
