// The PeerJS server as its package ships it.
import { PeerServer } from "peer";

PeerServer({ host: "127.0.0.1", port: 0, path: "/" }, (server) => console.log(`listening on :${server.address().port}`));
