/** A connection that is made ready for the next call while the person waits. */
import { prepare } from "./connection.js";

export class Spare {
  /** @type {import("./connection.js").Ready | undefined} */
  #ready;
  #turn = 0;

  get there() {
    return Boolean(this.#ready);
  }

  /** Make one ready, instead of one that there is. @param {MediaStream} local */
  async prepare(local) {
    const turn = ++this.#turn;
    const ready = await prepare(local);
    if (turn !== this.#turn) return ready.discard(); // it was asked for again, or taken, meanwhile
    this.#ready?.discard();
    this.#ready = ready;
  }

  /** Give it away; none if there is none. */
  take() {
    const ready = this.#ready;
    this.#ready = undefined;
    this.#turn += 1;
    return ready;
  }
}
