/**
 * Hop-by-hop stripping. `Connection: Remote-User` tells a proxy that the header is for this hop alone, and one that
 * believes it removes what the gate has just added: the app sees an anonymous, often all-powerful, request. The same
 * trick on the way to the check endpoint removes `X-Forwarded-Uri`, so that a gate with a default judges "/".
 *
 * Traefik GHSA-62c8-mh53-4cqv, GHSA-92mv-8f8w-wq52, GHSA-m697-4v8f-55qg. Hence: nominated headers go before ours are
 * written, never after; and a missing fact is a fault, not a default.
 */
import { runClass } from './run.ts';

runClass('hop-by-hop-stripping');
