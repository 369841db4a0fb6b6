import type { Writable } from 'node:stream';

const SIZE = 65536;
const MAX_FREE = 64;

/**
 * Copies of what was read, on their way to somebody. The memory is used again once it was written: to make 64 KiB anew for
 * each read costs more than to fill it.
 */
export class Copies {
  readonly #free: Buffer[] = [];

  /** Writes bytes[from, to), at most 64 KiB. False asks to wait for `drain`. */
  write(out: Writable, bytes: Buffer, from: number, to: number): boolean {
    const slab = this.#free.pop() ?? Buffer.allocUnsafeSlow(SIZE);
    bytes.copy(slab, 0, from, to);
    return out.write(slab.subarray(0, to - from), (error) => {
      // After an error nobody knows who still reads it.
      if (!error && this.#free.length < MAX_FREE) this.#free.push(slab);
    });
  }
}
