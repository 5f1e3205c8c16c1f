// A minimal relay on ws: two sockets of the same path are peers and receive each other's messages.
import { WebSocketServer } from "ws";

const waiting = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, maxPayload: 65536 });

server.on("connection", (socket, request) => {
  const peer = waiting.get(request.url);
  if (peer) {
    waiting.delete(request.url);
    socket.peer = peer;
    peer.peer = socket;
  } else waiting.set(request.url, socket);
  socket.on("message", (data, isBinary) => socket.peer?.send(data, { binary: isBinary }));
  socket.on("close", () => waiting.delete(request.url));
});
server.on("listening", () => console.log(`listening on :${server.address().port}`));
