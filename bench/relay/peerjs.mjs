// The PeerJS server of its package, unchanged.
import { PeerServer } from "peer";

PeerServer({ host: "127.0.0.1", port: 0, path: "/" }, (server) => console.log(`listening on :${server.address().port}`));
