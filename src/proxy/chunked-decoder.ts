/**
 * Decoder for the chunked transfer coding (RFC 9112 §7.1), strict: CRLF only, no blanks around the size, bounded
 * extensions and trailers. Extensions and trailers are read and forgotten.
 *
 *   chunk        = 1*HEXDIG [ ";" ext ] CRLF  bytes CRLF
 *   last-chunk   = 1*"0" [ ";" ext ] CRLF  *( field CRLF )  CRLF
 */
export type BodyPart = (bytes: Buffer, from: number, to: number) => void;

const MAX_SIZE_DIGITS = 12;
const MAX_EXTENSION = 1024;
const MAX_TRAILERS = 8192;

const CR = 0x0d;
const LF = 0x0a;

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'trailer-lf' | 'done';

export class ChunkedDecoder {
  #state: State = 'size';
  #size = 0;
  #digits = 0;
  /** Bytes of the current extension, or of all trailers. */
  #spent = 0;
  /** Bytes of the current trailer line. */
  #line = 0;

  get done(): boolean {
    return this.#state === 'done';
  }

  /**
   * Takes bytes[from, end) and hands on the data in them. Returns where it stopped: `end`, or the first byte after the
   * body once `done`. Returns what is wrong as text when the body is malformed; the decoder is unusable afterwards.
   */
  feed(bytes: Buffer, from: number, end: number, part: BodyPart): number | string {
    let at = from;
    while (at < end && this.#state !== 'done') {
      if (this.#state === 'data') {
        const to = Math.min(end, at + this.#size);
        part(bytes, at, to);
        this.#size -= to - at;
        at = to;
        if (this.#size === 0) this.#state = 'data-cr';
      } else {
        const problem = this.#step(bytes[at] ?? 0);
        if (problem !== undefined) return problem;
        at++;
      }
    }
    return at;
  }

  #step(byte: number): string | undefined {
    const state = this.#state;
    switch (state) {
      case 'size':
        return this.#sizeByte(byte);
      case 'extension':
        if (byte === CR) this.#state = 'size-lf';
        else if (isControl(byte) || ++this.#spent > MAX_EXTENSION) return 'a bad or long chunk extension';
        return undefined;
      case 'size-lf':
        if (byte !== LF) return 'a bare CR after a chunk size';
        return this.#startChunk();
      case 'data-cr':
        if (byte !== CR) return 'a chunk longer than its size';
        this.#state = 'data-lf';
        return undefined;
      case 'data-lf':
        if (byte !== LF) return 'a chunk longer than its size';
        this.#state = 'size';
        return undefined;
      case 'trailer':
        return this.#trailerByte(byte);
      case 'trailer-lf':
        if (byte !== LF) return 'a bare CR in the trailers';
        this.#state = this.#line === 0 ? 'done' : 'trailer';
        this.#line = 0;
        return undefined;
      case 'data':
      case 'done':
        return undefined;
      default:
        return state satisfies never;
    }
  }

  #sizeByte(byte: number): string | undefined {
    const digit = hex(byte);
    if (digit >= 0) {
      if (++this.#digits > MAX_SIZE_DIGITS) return 'a chunk size with too many digits';
      this.#size = this.#size * 16 + digit;
      return undefined;
    }
    if (this.#digits === 0) return 'a chunk without a size';
    if (byte === CR) this.#state = 'size-lf';
    else if (byte === 0x3b) this.#state = 'extension';
    else return 'a bad chunk size';
    return undefined;
  }

  #startChunk(): undefined {
    this.#state = this.#size === 0 ? 'trailer' : 'data';
    this.#digits = 0;
    this.#spent = 0;
  }

  #trailerByte(byte: number): string | undefined {
    if (byte === CR) {
      this.#state = 'trailer-lf';
      return undefined;
    }
    if (isControl(byte) || ++this.#spent > MAX_TRAILERS) return 'bad or long trailers';
    this.#line++;
    return undefined;
  }
}

function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09) || byte === 0x7f;
}

function hex(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
