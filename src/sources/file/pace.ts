/** Gives the event loop back every few milliseconds of long work, so that a reload delays no request for long. */
export class Pace {
  #until = performance.now() + SLICE_MS;

  isDue(): boolean {
    return performance.now() > this.#until;
  }

  async rest(): Promise<void> {
    await new Promise(setImmediate);
    this.#until = performance.now() + SLICE_MS;
  }
}

const SLICE_MS = 5;
