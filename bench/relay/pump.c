// The hot loop of the load, for both ends of all pairs: a message is acknowledged, an acknowledgement lets out the
// next message, each in a write of its own as browsers do it. It sleeps between frames like clients do: a load that is
// always busy would hide what it costs a server to wake its clients. load.py makes the connections and calls it.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 16, TEXT = 1, EVENTS = 256 };

// A frame around its number; pointers are kept by the caller.
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
static void say(Client *client, const char *text, int size) {
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

static void say_numbered(Client *client, const Frame *frame, int64_t k) {
  char text[1024];
  say(client, text, snprintf(text, sizeof text, "%s%lld%s", frame->before, (long long)k, frame->after));
}

// Take what the server sent: each message once and in order, or it is counted as wrong.
static void hear(Client *client, const char *text, int size) {
  const char *number = memmem(text, size, "\"k\":", 4);
  if (number == NULL) {
    // Of the heartbeats, Switchboard's is an object and engine.io's is a single digit.
    if (client->heartbeat && (size == 1 || memmem(text, size, "\"heartbeat\"", 11)))
      say(client, client->heartbeat, strlen(client->heartbeat));
    return;
  }
  int64_t k = strtoll(number + 4, NULL, 10);
  if (memmem(text, size, "\"ack\"", 5)) {
    client->wrong += k != ++client->acknowledged;
    say_numbered(client, &client->message, ++client->sent);
  } else {
    client->wrong += k != ++client->received;
    say_numbered(client, &client->ack, client->received);
  }
}

// Take a read; frames of servers are whole and unmasked. Return whether the connection lives.
static int take(Client *client) {
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
    if ((at[0] & 0xF) == TEXT) hear(client, (char *)at + head, size);
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

// Let each client say its first messages: as many as it has under way from now on.
void pump_start(Client *clients, int count, int under_way) {
  for (int i = 0; i < count; i++)
    for (int k = 0; k < under_way; k++) say_numbered(clients + i, &clients[i].message, ++clients[i].sent);
}

// Talk for so long. Return how many connections were lost.
int pump_run(Client *clients, int count, double seconds) {
  int epoll = epoll_create1(0), lost = 0;
  for (int i = 0; i < count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event);
  }
  struct epoll_event events[EVENTS];
  for (double end = seconds_now() + seconds; seconds_now() < end && !lost;) {
    int ready = epoll_wait(epoll, events, EVENTS, 100);
    for (int i = 0; i < ready; i++) lost += !take(clients + events[i].data.u32);
  }
  close(epoll);
  return lost;
}

// Of all clients: messages received, frames that were wrong, clients to which nothing was acknowledged.
void pump_counts(const Client *clients, int count, int64_t counts[3]) {
  memset(counts, 0, 3 * sizeof *counts);
  for (int i = 0; i < count; i++) {
    counts[0] += clients[i].received;
    counts[1] += clients[i].wrong;
    counts[2] += !clients[i].acknowledged;
  }
}
