import type { HeaderList } from './text/header-list.ts';
import type { Reply } from './wire.ts';

/**
 * What a gRPC authorization check tells about a request (envoy.service.auth.v3.AttributeContext), in plain values.
 * Strings hold one character for each byte, as everywhere on the wire; absent ones are empty.
 */
export interface CheckAttributes {
  readonly method: string;
  /** Path and query, as they stand in the request line. */
  readonly path: string;
  readonly host: string;
  /** Over HTTP/2 the client's own word. */
  readonly scheme: string;
  /** In order of arrival; pseudo-headers (`:path`) may be among them. */
  readonly headers: HeaderList;
  /** Who is connected to the proxy; undefined: it did not say. */
  readonly source: { readonly kind: 'address'; readonly text: string } | { readonly kind: 'pipe' } | undefined;
}

/** What a check is answered with (CheckResponse). */
export type CheckAnswer =
  | {
      readonly kind: 'ok';
      /** Flat: name, value; each replaces every copy that the request has. Names in lower case. */
      readonly set: readonly string[];
      /** Names to delete. None of them is also set: the proxy deletes last. */
      readonly remove: readonly string[];
    }
  | { readonly kind: 'denied'; readonly code: 'UNAUTHENTICATED' | 'PERMISSION_DENIED'; readonly reply: Reply };
