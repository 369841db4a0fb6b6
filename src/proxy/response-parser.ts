import { quote } from '../core/text/quote.ts';
import { type BodyPart, ChunkedDecoder } from './chunked-decoder.ts';
import { connectionOptions } from './hop-by-hop.ts';
import { isMalformed, parseResponseHead, type ResponseHead, type ResponseRules } from './response-head.ts';

export interface ParserLimits extends ResponseRules {
  /** Bytes of a response head, all interim responses apart. */
  readonly maxHeadBytes: number;
}

/** Gets what the parser finds, in order: one head, parts of the body, one end. The bytes are only valid in the call. */
export interface ResponseSink {
  responseHead(head: ResponseHead): void;
  responseBody: BodyPart;
  responseEnd(): void;
}

const END_OF_HEAD = '\r\n\r\n';
/** Most heads end in this many bytes: looked at first, so that a large first packet isn't made a string. */
const USUAL_HEAD = 4096;
const MAX_INTERIM = 16;

type State = 'unasked' | 'head' | 'length' | 'chunked' | 'until-close' | 'done' | 'switched';

/** The app agreed to an upgrade; from `at` on the bytes of this read are no longer HTTP. */
export interface Switched {
  readonly head: ResponseHead;
  readonly at: number;
}

/**
 * Parses the responses of one upstream connection, in any split of the bytes. Interim responses (1xx) are swallowed;
 * 101 ends HTTP on the connection where it answers the upgrade that was asked for, and is malformed anywhere else.
 */
export class ResponseParser {
  readonly #limits: ParserLimits;
  #state: State = 'unasked';
  #method = '';
  #upgrade: string | undefined;
  #switched: Switched | undefined;
  #partial = '';
  #left = 0;
  #interim = 0;
  #chunks = new ChunkedDecoder();
  #surplus = false;
  #answer: ResponseHead | undefined;

  constructor(limits: ParserLimits) {
    this.#limits = limits;
  }

  /** Begins to wait for the answer to a request with this method, which offered these protocols (`Upgrade`). */
  expect(method: string, upgrade?: string): void {
    this.#state = 'head';
    this.#method = method;
    this.#upgrade = upgrade;
    this.#partial = '';
    this.#interim = 0;
    this.#answer = undefined;
  }

  /** True when no byte of an answer has arrived since `expect`. */
  get untouched(): boolean {
    return this.#state === 'head' && this.#partial === '' && this.#interim === 0;
  }

  /** True when the answer is complete. */
  get done(): boolean {
    return this.#state === 'done';
  }

  /** Set once the app agreed to the upgrade. */
  get switched(): Switched | undefined {
    return this.#switched;
  }

  /** The head of the answer, once it was read. */
  get head(): ResponseHead | undefined {
    return this.#answer;
  }

  /** True when bytes arrived that belong to no answer: the connection must not be used again. */
  get surplus(): boolean {
    return this.#surplus;
  }

  /** Takes bytes[0, end). Returns what is wrong when the response is malformed; nothing may be fed afterwards. */
  feed(bytes: Buffer, end: number, sink: ResponseSink): string | undefined {
    let at = 0;
    while (this.#state === 'head') {
      const next = this.#head(bytes, at, end, sink);
      if (typeof next === 'string') return next;
      if (next < 0) return undefined;
      at = next;
    }
    return this.#state === 'switched' ? undefined : this.#body(bytes, at, end, sink);
  }

  /** The app closed the connection. True when that completed the response, false when something is missing. */
  close(sink: ResponseSink): boolean {
    if (this.#state === 'until-close') this.#finish(sink);
    return this.#state === 'done' || this.#state === 'unasked';
  }

  /** Where the body begins, -1 when the head is not complete, or what is wrong. */
  #head(bytes: Buffer, from: number, end: number, sink: ResponseSink): number | string {
    const kept = this.#partial.length;
    let text = this.#partial + bytes.toString('latin1', from, Math.min(end, from + USUAL_HEAD));
    const searchFrom = Math.max(0, kept - 3);
    let stop = text.indexOf(END_OF_HEAD, searchFrom);
    if (stop < 0 && end > from + USUAL_HEAD) {
      text = this.#partial + bytes.toString('latin1', from, end);
      stop = text.indexOf(END_OF_HEAD, searchFrom);
    }
    const { maxHeadBytes } = this.#limits;
    if ((stop < 0 ? text.length : stop) > maxHeadBytes) return `a head longer than ${maxHeadBytes} bytes`;
    if (stop < 0) {
      this.#partial = text;
      return startsRight(text) ? -1 : 'no HTTP/1 status line';
    }
    this.#partial = '';
    const head = parseResponseHead(text.slice(0, stop + 2), this.#method, this.#limits);
    if (isMalformed(head)) return head.malformed;
    const next = from + stop + END_OF_HEAD.length - kept;
    if (head.status >= 200) this.#begin(head, sink);
    else if (head.status === 101) return this.#switch(head, next) ?? next;
    else if (++this.#interim > MAX_INTERIM) return `more than ${MAX_INTERIM} interim responses`;
    return next;
  }

  #switch(head: ResponseHead, at: number): string | undefined {
    if (this.#upgrade === undefined) return '101 Switching Protocols without a request for it';
    const agreed = head.upgrade?.toLowerCase() ?? '';
    if (!connectionOptions(this.#upgrade).includes(agreed)) return `101 for ${quote(agreed)}, which was not offered`;
    this.#state = 'switched';
    this.#switched = { head, at };
    return undefined;
  }

  #begin(head: ResponseHead, sink: ResponseSink): void {
    this.#answer = head;
    sink.responseHead(head);
    switch (head.framing) {
      case 'none':
        this.#finish(sink);
        break;
      case 'length':
        this.#state = 'length';
        this.#left = head.length;
        break;
      case 'chunked':
        this.#state = 'chunked';
        this.#chunks = new ChunkedDecoder();
        break;
      case 'until-close':
        this.#state = 'until-close';
        break;
      default:
        head.framing satisfies never;
    }
  }

  #body(bytes: Buffer, at: number, end: number, sink: ResponseSink): string | undefined {
    if (at >= end) return undefined;
    switch (this.#state) {
      case 'length': {
        const to = Math.min(end, at + this.#left);
        sink.responseBody(bytes, at, to);
        this.#left -= to - at;
        if (this.#left === 0) this.#finish(sink);
        if (to < end) this.#surplus = true;
        return undefined;
      }
      case 'chunked': {
        const next = this.#chunks.feed(bytes, at, end, (b, from, to) => sink.responseBody(b, from, to));
        if (typeof next === 'string') return next;
        if (this.#chunks.done) this.#finish(sink);
        if (next < end) this.#surplus = true;
        return undefined;
      }
      case 'until-close':
        sink.responseBody(bytes, at, end);
        return undefined;
      default:
        this.#surplus = true;
        return undefined;
    }
  }

  #finish(sink: ResponseSink): void {
    this.#state = 'done';
    sink.responseEnd();
  }
}

/** Fails early on something that is no HTTP/1 response at all, however it is split. */
function startsRight(text: string): boolean {
  return text.length < 7 ? 'HTTP/1.'.startsWith(text) : text.startsWith('HTTP/1.');
}
