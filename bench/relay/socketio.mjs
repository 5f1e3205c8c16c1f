// A minimal relay on socket.io: two sockets that join the same pair are peers and receive each other's messages.
import { createServer } from "node:http";
import { Server } from "socket.io";

const waiting = new Map();
const http = createServer();
const server = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

server.on("connection", (socket) => {
  socket.on("join", (pair) => {
    const peer = waiting.get(pair);
    if (peer) {
      waiting.delete(pair);
      socket.peer = peer;
      peer.peer = socket;
    } else waiting.set(pair, socket);
  });
  socket.on("message", (data) => socket.peer?.emit("message", data));
});
http.listen(0, "127.0.0.1", () => console.log(`listening on :${http.address().port}`));
