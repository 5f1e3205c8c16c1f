/** The connection that is created for the next call while the user waits. */
import { createCertifiedConnection } from "./connection.js";

export class PreparedConnection {
  /** @type {import("./connection.js").Connection | undefined} */
  #connection;
  #generation = 0;

  get ready() {
    return Boolean(this.#connection);
  }

  /** Create a connection that sends a stream, in place of the one that there is. @param {MediaStream} local */
  async prepare(local) {
    const generation = ++this.#generation;
    const connection = await createCertifiedConnection(local);
    if (generation !== this.#generation) return connection.discard(); // prepared again, or taken, in the meantime
    this.#connection?.discard();
    this.#connection = connection;
  }

  /** Hand the connection over; undefined if there is none. */
  take() {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#generation += 1;
    return connection;
  }
}
