import type { IncomingHttpHeaders } from 'node:http';
import { first } from '../core/text/header-list.ts';
import { IncomingMessage } from './http.ts';

/**
 * What node:http's server looks up in `headers` with `requireHostHeader: false` (request.test.ts asks it), and upgrade.ts.
 * Whatever else wants to read `headers` adds its names here, or better reads `rawHeaders`.
 */
export const LOOKED_UP = ['content-length', 'transfer-encoding', 'expect', 'upgrade'] as const;

const NONE: IncomingHttpHeaders = Object.freeze({});

/**
 * node:http's request without the object of joined headers that Node makes of every request to look a few names up: no
 * face reads it, since what is judged is `rawHeaders`. A request that has none of these, and so nearly every one,
 * shows no headers there at all; any other shows what Node itself would show. (Class by the `IncomingMessage` option of
 * `http.createServer`.)
 */
export class Request extends IncomingMessage {}

Object.defineProperty(Request.prototype, 'headers', {
  get(this: Request): IncomingHttpHeaders {
    const asks = this.httpVersion !== '1.1' || LOOKED_UP.some((name) => first(this.rawHeaders, name) !== undefined);
    return asks ? Reflect.get(IncomingMessage.prototype, 'headers', this) : NONE;
  },
});
