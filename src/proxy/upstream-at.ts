import type { UpstreamAddress, UpstreamServer } from '../core/app.ts';
import { parseUpstreamUrl } from '../core/text/upstream-url.ts';

/** Addresses of one app that are remembered; strangers cannot make one, only people who signed in to the app. */
const MAX_REMEMBERED = 1024;
const remembered = new WeakMap<UpstreamAddress, Map<string, UpstreamAddress>>();

/**
 * Another place for the requests of an app than its own upstream, with the certificates and times of that. The same
 * object for the same text, so that its connections are kept; undefined when the text is not a plain http(s) address.
 * Whether the app may go there is for the caller to know.
 */
export function upstreamAt(url: string, like: UpstreamAddress): UpstreamAddress | undefined {
  const places = remembered.get(like) ?? new Map<string, UpstreamAddress>();
  remembered.set(like, places);
  const known = places.get(url);
  const address = known ?? addressOf(url, like);
  if (address === undefined) return undefined;
  // The one used last stands at the end; the one at the beginning goes.
  if (known !== undefined) places.delete(url);
  places.set(url, address);
  const [eldest] = places.keys();
  if (places.size > MAX_REMEMBERED && eldest !== undefined) places.delete(eldest);
  return address;
}

function addressOf(url: string, like: UpstreamAddress): UpstreamAddress | undefined {
  const parsed = parseUpstreamUrl(url);
  if (parsed === undefined) return undefined;
  const { scheme, hostname, port, text, basePath } = parsed;
  const server: UpstreamServer = { hostname, port, text, basePath, tls: scheme === 'https' ? like.tls : undefined };
  return { ...like, servers: [server], text };
}
