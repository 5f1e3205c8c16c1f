// A minimal relay on ws: two sockets of the same path are partners, and what one says is said to the other.
import { WebSocketServer } from "ws";

const waiting = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, maxPayload: 65536 });

server.on("connection", (socket, request) => {
  const partner = waiting.get(request.url);
  if (partner) {
    waiting.delete(request.url);
    socket.partner = partner;
    partner.partner = socket;
  } else waiting.set(request.url, socket);
  socket.on("message", (data, isBinary) => socket.partner?.send(data, { binary: isBinary }));
  socket.on("close", () => waiting.delete(request.url));
});
server.on("listening", () => console.log(`listening on :${server.address().port}`));
