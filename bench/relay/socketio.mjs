// A minimal relay on socket.io: two sockets that join the same pair are partners, and what one says is said to the other.
import { createServer } from "node:http";
import { Server } from "socket.io";

const waiting = new Map();
const http = createServer();
const server = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

server.on("connection", (socket) => {
  socket.on("join", (pair) => {
    const partner = waiting.get(pair);
    if (partner) {
      waiting.delete(pair);
      socket.partner = partner;
      partner.partner = socket;
    } else waiting.set(pair, socket);
  });
  socket.on("message", (data) => socket.partner?.emit("message", data));
});
http.listen(0, "127.0.0.1", () => console.log(`listening on :${http.address().port}`));
