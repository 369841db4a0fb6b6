import type { Decision } from '../core/decision.ts';
import type { Rendering } from '../core/dialect.ts';
import { FAULTS, type Fault, type FaultId } from '../core/fault.ts';
import { targetAuthority } from '../core/target.ts';
import { first, foldName } from '../core/text/header-list.ts';
import type { Reply, Wire } from '../core/wire.ts';
import { answer } from './answer.ts';
import { asksForPage, isProgram } from './negotiate.ts';
import { errorReply, type Scene, signInJson } from './page.ts';

/** What the four checks of authentik's outpost have in common. */
export const SENDS_ON = {
  family: 'authentik',
  methods: undefined,
  hasDefaultPortal: true,
  ownPaths: 'serve',
  takesSubpaths: false,
  demandsBasic: () => false,
  portalOverride: () => undefined,
  beginsSignIn: ({ headers }: Rendering['wire']) => !isProgram(headers),
} as const;

/** `only-401`: nginx turns every answer but 2xx, 401 and 403 into a bare 500. */
export type OutpostStyle = 'redirect' | 'only-401';

const STYLES = {
  redirect: { only401And403: false, requestFaultStatus: undefined },
  'only-401': { only401And403: true, requestFaultStatus: 403 },
} as const;

/** Renders a decision for a check of authentik's outpost (contract authentik.md §2). The only 2xx is that of `allow`. */
export function answerOutpost(decision: Decision, r: Rendering, style: OutpostStyle): Reply {
  switch (decision.kind) {
    case 'allow':
      return decision.subject.kind === 'user' ? echoing(decision, r) : answer(decision, r, STYLES[style]);
    case 'challenge':
      return decision.how.kind === 'credentials' ? answer(decision, r, STYLES[style]) : challenged(r, style);
    case 'deny':
      return answer(decision, r, STYLES[style]);
    case 'fault':
      return decision.fault.id === 'HOST-UNKNOWN'
        ? noApp(decision.fault, r, style)
        : answer(decision, r, STYLES[style]);
    default:
      return decision satisfies never;
  }
}

interface Echo {
  readonly authorization: string;
  readonly userAgent: string;
  readonly reply: Reply;
}

const echoes = new WeakMap<readonly string[], Echo>();

/**
 * The outpost's answer for somebody signed in tells the `User-Agent` back, unless accounts have one of their own. Kept
 * for as long as it would be the same.
 */
function echoing(decision: Decision, r: Rendering): Reply {
  const userAgent = first(r.wire.headers, 'user-agent') ?? '';
  const kept = echoes.get(r.identity);
  if (kept?.userAgent === userAgent && kept.authorization === r.authorization) return kept.reply;
  const plain = answer(decision, r, STYLES.redirect);
  const own = r.identity.some((name, i) => i % 2 === 0 && foldName(name) === 'user-agent');
  const reply = own ? plain : { ...plain, headers: [...plain.headers, 'User-Agent', userAgent] };
  echoes.set(r.identity, { authorization: r.authorization, userAgent, reply });
  return reply;
}

/** A script or program gets 401 with the address to open, on a positive sign only; no sign: a browser's 302. */
function challenged(r: Rendering, style: OutpostStyle): Reply {
  if (r.location === undefined) return errorReply(r.wire, 'SIGN-IN-NEEDED', { status: 401 });
  if (style === 'only-401') return plain401();
  if (isProgram(r.wire.headers)) return signInJson(r.location);
  const cookies = r.cookies.flatMap((c) => ['Set-Cookie', c]);
  const headers = ['Location', r.location, 'Cache-Control', 'no-store', 'Referrer-Policy', 'no-referrer', ...cookies];
  return { status: 302, headers, body: '' };
}

/** nginx sends the browser to `/outpost.goauthentik.io/start` by itself, and shows its client a page of its own. */
function plain401(): Reply {
  const headers = ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store'];
  return { status: 401, headers: [...headers, 'X-Lintel-Error', 'SIGN-IN-NEEDED'], body: '401 Unauthorized' };
}

/** `hosts`: which there are; told on this very machine alone, where the operator sits. */
function noApp(f: Fault, r: Rendering, style: OutpostStyle): Reply {
  const status = STYLES[style].requestFaultStatus ?? FAULTS[f.id].status;
  return unknownHost(r.wire, f.id, r.target === undefined ? '' : targetAuthority(r.target), r.hosts, status);
}

const MOST_TOLD = 20;

/** For a page about a host that no app has. */
export function hostsSeen(host: string, hosts: readonly string[]): NonNullable<Scene['seen']> {
  const more = hosts.length > MOST_TOLD ? ` and ${hosts.length - MOST_TOLD} more` : '';
  const told = `${hosts.slice(0, MOST_TOLD).join(', ')}${more}`;
  return [['Received', host], ...(hosts.length === 0 ? [] : [['Known', told] as const])];
}

/** authentik's own words for a host that no app has; a person gets a page. */
export function unknownHost(wire: Wire, id: FaultId, host: string, hosts: readonly string[], status: number): Reply {
  if (asksForPage(wire.headers)) {
    return errorReply(wire, id, { status, scene: { seen: hostsSeen(host, hosts) } });
  }
  const known = hosts.length === 0 ? {} : { known: hosts };
  const body = { message: 'no app for hostname', host, detail: FAULTS[id].fix, ...known };
  const headers = ['Content-Type', 'application/json; charset=utf-8', 'Cache-Control', 'no-store'];
  return { status, headers: [...headers, 'X-Lintel-Error', id], body: JSON.stringify(body) };
}
