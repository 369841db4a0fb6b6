import type { App } from '../core/app.ts';
import { JSON_HEADERS } from '../core/base-headers.ts';
import { doorPath, PING } from '../core/door-path.ts';
import { type Fault, fault } from '../core/fault.ts';
import type { TrustedPeer, TrustedProxies } from '../core/peer.ts';
import { type AppPlace, appFor, type Policy } from '../core/policy/compile.ts';
import type { AuditSink, MaybePromise } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { targetAuthority, type Unknown } from '../core/target.ts';
import { first } from '../core/text/header-list.ts';
import type { Ip } from '../core/text/ip.ts';
import type { WebScheme } from '../core/text/origin.ts';
import { parsePath } from '../core/text/path.ts';
import type { Reply, Wire } from '../core/wire.ts';
import { readBody } from './body.ts';
import type { ArrivedRequest, ClientRequest, ClientResponse, Handler, Upgrade } from './client.ts';
import { type Admitted, admit, send } from './wire.ts';

/** All faces for one configuration; a reload swaps the whole value. */
export interface House {
  readonly proxies: TrustedProxies;
  readonly policy: Policy;
  /** Check endpoints, longest path first. */
  readonly endpoints: readonly MountedEndpoint[];
  /** Portals by canonical host. */
  readonly portals: ReadonlyMap<string, PortalMount>;
  portal(request: PortalCall): Promise<Reply>;
  door(request: DoorCall): Promise<Reply>;
  /** Judges and forwards, or answers in place of the app. Never rejects for bad input. */
  proxy(call: ProxyCall): Promise<void>;
  /** The client's address, by the peer and what it may say. */
  client(wire: Wire, peer: TrustedPeer | undefined): Ip | Unknown;
  /** An error page, JSON or text, as the client asked. */
  error(wire: Wire, fault: Fault, extra?: readonly string[]): Reply;
  /** For a host that nobody serves. */
  stranger(wire: Wire, host: string, client: Ip | Unknown): Reply;
}

export interface MountedEndpoint {
  readonly path: string;
  /** Methods it answers; undefined: any. */
  readonly methods: readonly string[] | undefined;
  /** True: paths below it belong to it too. */
  readonly takesSubpaths: boolean;
  /** True: a trailing slash is answered with a redirect to the path without it, as Authelia does. */
  readonly tidies: boolean;
  check(wire: Wire, peer: TrustedPeer | undefined): MaybePromise<Reply>;
}

export interface PortalMount {
  /** scheme://host[:port] as people open it. */
  readonly origin: string;
  readonly basePath: string;
}

export interface PortalCall {
  readonly wire: Wire;
  readonly host: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly client: Ip | Unknown;
  body(): Promise<Result<Uint8Array, Fault>>;
}

export interface DoorCall {
  readonly wire: Wire;
  readonly app: App;
  readonly origin: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly client: Ip | Unknown;
}

export interface ProxyCall {
  readonly req: ClientRequest;
  readonly res: ClientResponse;
  readonly wire: Wire;
  readonly peer: TrustedPeer | undefined;
  /** Given when the client asks to leave HTTP. */
  readonly upgrade: Upgrade | undefined;
}

const BODY_LIMIT = 64 * 1024;

/**
 * One request to its face, by `Host` alone (architecture §5.11): the portal's host is the portal, a host whose app
 * Lintel proxies is the app (but for the hand-over paths), and check endpoints stand on every other host.
 */
export function dispatcher(house: () => House, audit: AuditSink, face: Face = route): Handler {
  const condemned = new WeakSet<object>();
  const handler: Handler = (req, res, upgrade) => {
    // Pipelined behind a malformed request and parsed before that was refused: it may be part of it. (The streams of
    // HTTP/2 are framed apart and have a `socket` of their own each.)
    if (condemned.has(req.socket)) return;
    const answer = (reply: Reply | undefined) => {
      if (reply === undefined) return;
      // The rest of an unread body must not be parsed as the next request.
      if (!req.complete && hasBody(req)) res.shouldKeepAlive = false;
      send(res, reply);
    };
    try {
      const current = house();
      const admitted = admit(req, current.proxies);
      if (!admitted.ok) condemned.add(req.socket);
      const reply = admitted.ok
        ? face(current, admitted.value, req, res, upgrade)
        : refuse(current, admitted.error, req, audit);
      if (reply instanceof Promise) reply.then(answer).catch((error: unknown) => crash(res, req, error, audit));
      else answer(reply);
    } catch (error) {
      crash(res, req, error, audit);
    }
  };
  return face === route ? Object.assign(handler, { mayUpgrade: upgradeChooser(house) }) : handler;
}

/** Answers an admitted request. undefined: it has answered by itself. */
type Face = (
  house: House,
  a: Admitted,
  req: ArrivedRequest,
  res: ClientResponse,
  upgrade: Upgrade | undefined,
) => MaybePromise<Reply | undefined>;

function route(
  house: House,
  a: Admitted,
  req: ArrivedRequest,
  res: ClientResponse,
  upgrade: Upgrade | undefined,
): MaybePromise<Reply | undefined> {
  const { wire, authority, trusted } = a;
  const { host } = authority;
  const { path, query } = split(wire.target);
  if (isPing(wire)) return PONG;
  const portal = house.portals.get(host);
  const place = placeFor(house, portal, a);
  const own = place === undefined ? undefined : doorPath(path, query);
  if (place?.app.app.upstream !== undefined) {
    return own === undefined
      ? house.proxy({ req, res, wire, peer: trusted, upgrade }).then(nothing)
      : door(house, a, place, own, query);
  }
  if (path.endsWith('/') && house.endpoints.some((e) => e.tidies && `${e.path}/` === path)) return tidied(path, query);
  const endpoint = house.endpoints.find((e) => isAt(e, path));
  if (endpoint !== undefined) return checked(house, endpoint, wire, trusted);
  if (path === '/api/health') return health(house, wire);
  if (place !== undefined && own !== undefined) return door(house, a, place, own, query);
  if (portal !== undefined) return toPortal(house, portal, a, req, res, path, query);
  if (place !== undefined)
    return house.error(wire, fault('APP-ELSEWHERE', `app ${place.app.app.name} has no upstream`));
  const unknown = house.policy.lookup(host).domain === undefined;
  if (unknown) return house.stranger(wire, targetAuthority(authority), house.client(wire, trusted));
  return house.error(wire, fault('NOT-FOUND', `no face at ${path} on ${host}`));
}

/** authentik's `ping`: on any host, by any method, on every listener (contract authentik.md §2). */
export const PONG: Reply = { status: 204, headers: ['Cache-Control', 'no-store'], body: '' };

export function isPing({ target }: Wire): boolean {
  return target === PING || target.startsWith(`${PING}?`);
}

/**
 * The app of a host. A portal's host has none, but for the external host of an app that is a whole domain: authentik has
 * both at one address, and its pages have names that no page of the portal has.
 */
function placeFor(house: House, portal: PortalMount | undefined, a: Admitted): AppPlace | undefined {
  const { host, port } = a.authority;
  const place = appFor(house.policy, schemeOf(a.wire, a.trusted), host, port);
  return portal === undefined || place?.app.app.domain !== undefined ? place : undefined;
}

/**
 * Whether a request that asks to leave HTTP is for an app that Lintel proxies. Everywhere else it is a request like any
 * other: check endpoints get the headers of other people's requests, theirs to upgrade included.
 */
function upgradeChooser(house: () => House): (req: ArrivedRequest) => boolean {
  return (req) => {
    const current = house();
    const admitted = admit(req, current.proxies);
    if (!admitted.ok) return false;
    const { wire, authority } = admitted.value;
    const place = placeFor(current, current.portals.get(authority.host), admitted.value);
    const { path, query } = split(wire.target);
    return place?.app.app.upstream !== undefined && doorPath(path, query) === undefined;
  };
}

function nothing(): undefined {
  return undefined;
}

function split(target: string): { path: string; query: string | undefined } {
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: undefined } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

function tidied(path: string, query: string | undefined): Reply {
  const to = `${path.slice(0, -1)}${query === undefined ? '' : `?${query}`}`;
  return { status: 301, headers: ['Location', to, 'Cache-Control', 'no-store'], body: '' };
}

function isAt(e: MountedEndpoint, path: string): boolean {
  const base = e.path;
  return path === base || (e.takesSubpaths && path.startsWith(base) && path.charCodeAt(base.length) === 0x2f);
}

function checked(house: House, e: MountedEndpoint, wire: Wire, peer: TrustedPeer | undefined): MaybePromise<Reply> {
  if (e.methods !== undefined && !e.methods.includes(wire.method)) {
    return house.error(wire, fault('METHOD-NOT-ALLOWED', wire.method), ['Allow', 'GET, HEAD, OPTIONS']);
  }
  return e.check(wire, peer);
}

function health(house: House, wire: Wire): Reply {
  if (wire.method !== 'GET' && wire.method !== 'HEAD') {
    return house.error(wire, fault('METHOD-NOT-ALLOWED', wire.method), ['Allow', 'GET, HEAD']);
  }
  return { status: 200, headers: JSON_HEADERS, body: '{"status":"OK"}' };
}

async function toPortal(
  house: House,
  mount: PortalMount,
  a: Admitted,
  req: ArrivedRequest,
  res: ClientResponse,
  path: string,
  query: string | undefined,
): Promise<Reply> {
  const inside = mount.basePath === '' || path === mount.basePath || path.startsWith(`${mount.basePath}/`);
  const own = inside ? path.slice(mount.basePath.length) || '/' : undefined;
  const canonical = own === undefined ? undefined : parsePath(own);
  // A page has one address: a path with several readings is no page.
  if (canonical === undefined || !canonical.ok || canonical.value.readings.length > 1) {
    return house.error(a.wire, fault('NOT-FOUND', path));
  }
  return house.portal({
    wire: a.wire,
    host: a.authority.host,
    path: canonical.value.readings[0],
    query,
    client: house.client(a.wire, a.trusted),
    body: () => readBody(req, res, BODY_LIMIT),
  });
}

function door(house: House, a: Admitted, place: AppPlace, path: string, query: string | undefined): Promise<Reply> {
  const client = house.client(a.wire, a.trusted);
  return house.door({ wire: a.wire, app: place.app.app, origin: place.origin, path, query, client });
}

/** What a trusted proxy in front says about the scheme; else what this connection is. Chooses among ports of one host. */
function schemeOf(wire: Wire, trusted: TrustedPeer | undefined): WebScheme {
  const said = trusted === undefined ? undefined : first(wire.headers, 'x-forwarded-proto')?.toLowerCase();
  if (said === 'https' || said === 'http') return said;
  return wire.encrypted ? 'https' : 'http';
}

function hasBody(req: ArrivedRequest): boolean {
  if (req.stream !== undefined) return !req.stream.endAfterHeaders;
  return req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined;
}

function refuse(house: House, f: Fault, req: ArrivedRequest, audit: AuditSink): Reply {
  const peer = req.socket.remoteAddress ?? 'unix';
  audit.record({ kind: 'fault', fault: f, where: 'listener', peer });
  const wire: Wire = {
    method: 'GET',
    target: '/',
    headers: req.rawHeaders.slice(0, 200),
    peer: { kind: 'unix' },
    encrypted: false,
  };
  return house.error(wire, f, ['Connection', 'close']);
}

/** The one catch: any throw is a bug, ends here, and is never a 2xx. */
function crash(res: ClientResponse, req: ArrivedRequest, error: unknown, audit: AuditSink): void {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  audit.record({
    kind: 'fault',
    fault: fault('INTERNAL', detail),
    where: 'dispatch',
    peer: req.socket.remoteAddress ?? 'unix',
  });
  const headers = [
    'Content-Type',
    'text/plain; charset=utf-8',
    'Cache-Control',
    'no-store',
    'X-Lintel-Error',
    'INTERNAL',
  ];
  send(res, { status: 500, headers, body: 'INTERNAL: Something went wrong here.\n' });
}
