/**
 * A small world for the portal: real policy, real memory store, real handlers, a clock that tests turn, and a client
 * that keeps cookies as a browser does. Only the people are made up.
 */
import type { App } from '../../src/core/app.ts';
import type { AssertionSigner } from '../../src/core/assertion.ts';
import { type CookieDomain, compilePolicy, type Policy, type PortalAddress } from '../../src/core/policy/compile.ts';
import { NO_CONDITIONS, type Outcome, type Rule, type SubjectPattern } from '../../src/core/policy/rule.ts';
import type { AuditEvent, PasswordVerifier, SessionStore, UserSource } from '../../src/core/ports.ts';
import { REMOTE } from '../../src/core/profile/profile.ts';
import { err, ok } from '../../src/core/result.ts';
import { plainUser, type User } from '../../src/core/subject.ts';
import { parseIp } from '../../src/core/text/ip.ts';
import type { Reply, Wire } from '../../src/core/wire.ts';
import { createAssertionSigner } from '../../src/ops/assertion-signer.ts';
import { systemSecrets } from '../../src/ops/secrets.ts';
import { parseUrl } from '../../src/ops/url.ts';
import type { PortalDeps, PortalSite } from '../../src/portal/deps.ts';
import { createDoor } from '../../src/portal/door.ts';
import { createPortal } from '../../src/portal/portal.ts';
import { MemoryStore } from '../../src/stores/memory.ts';

export const SIGNED_IN: Outcome = { kind: 'signed-in', level: 'one_factor' };
export const TWO_FACTOR: Outcome = { kind: 'signed-in', level: 'two_factor' };

export function rule(outcome: Outcome, subjects: readonly (readonly SubjectPattern[])[] = []): Rule {
  return { place: { file: 'lintel.yml', line: 1, column: 1 }, label: 'a rule', ...NO_CONDITIONS, subjects, outcome };
}

export function app(title: string, url: string, rules: readonly Rule[]): App {
  const u = new URL(url);
  const scheme = u.protocol === 'http:' ? 'http' : 'https';
  const port = u.port === '' ? (scheme === 'https' ? 443 : 80) : Number(u.port);
  const urls = [{ scheme, host: { kind: 'exact', host: u.hostname }, port }] as const;
  return { name: title.toLowerCase(), title, urls, profile: REMOTE, upstream: undefined, origins: [], rules };
}

export function portalAt(url: string): PortalAddress {
  const u = new URL(url);
  return { url: u.href, origin: u.origin, host: u.hostname, basePath: u.pathname.replace(/\/$/, '') };
}

export const STAFF: readonly (readonly SubjectPattern[])[] = [[{ kind: 'group', name: 'staff' }]];

export function user(name: string, groups: readonly string[], displayName = ''): User {
  return plainUser({ name, displayName, emails: [], groups, epoch: 'e1' });
}

export interface WorldOptions {
  readonly portal: string;
  readonly apps: readonly App[];
  readonly rules?: readonly Rule[];
  readonly domains?: readonly CookieDomain[];
  readonly defaultRedirect?: string;
  readonly store?: SessionStore;
}

export const PASSWORD = 'correct horse';

export class World {
  now = 1_800_000_000_000;
  readonly people = new Map<string, User>([
    ['alice', user('alice', ['staff'], 'Alice Liddell')],
    ['bob', user('bob', [])],
  ]);
  readonly events: AuditEvent[] = [];
  readonly store: SessionStore;
  readonly deps: PortalDeps;
  readonly signer: AssertionSigner;
  readonly portal;
  readonly door;
  readonly sites: ReadonlyMap<string, PortalSite>;
  policy: Policy;

  constructor(options: WorldOptions) {
    const domains = options.domains ?? [];
    const portal = portalAt(options.portal);
    this.policy = compilePolicy({
      apps: options.apps,
      rules: options.rules ?? [],
      defaultOutcome: { kind: 'deny' },
      domains,
      portal,
    });
    this.store = options.store ?? new MemoryStore();
    this.signer = createAssertionSigner({
      store: this.store,
      algorithm: 'ES256',
      lifetimeMs: 60_000,
      rotateMs: 86_400_000,
      failed: (error) => void console.error(error),
    });
    this.deps = {
      store: this.store,
      users: this.#users(),
      verifier: this.#verifier(),
      secrets: systemSecrets,
      clock: { now: () => this.now, monotonic: () => performance.now() },
      audit: { record: (event) => void this.events.push(event) },
      parseUrl,
      times: () => ({ idleMs: 3_600_000, lifetimeMs: 43_200_000, rememberMs: 2_592_000_000 }),
      policy: () => this.policy,
      jwks: () => this.signer.jwks(this.now),
    };
    this.portal = createPortal(this.deps);
    this.door = createDoor(this.deps);
    const site = (p: PortalAddress, d?: CookieDomain): [string, PortalSite] => [
      p.origin,
      {
        origin: p.origin,
        basePath: p.basePath,
        secure: p.origin.startsWith('https:'),
        domain: d,
        defaultRedirect: options.defaultRedirect,
      },
    ];
    this.sites = new Map([
      site(portal),
      ...domains.flatMap((d) => (d.portal === undefined ? [] : [site(d.portal, d)])),
    ]);
  }

  #users(): UserSource {
    return {
      lookup: (name) => this.people.get(name),
      resolve: () => undefined,
      onChange: () => undefined,
      headerNames: () => [],
      count: () => this.people.size,
      close: () => undefined,
    };
  }

  /** Names decide what happens, so that a browser test can ask for each answer. */
  #verifier(): PasswordVerifier {
    return {
      verify: async (typed, password) => {
        if (typed === 'hasty') return err({ kind: 'throttled', retryAfterSeconds: 290 });
        if (typed === 'crowd') return err({ kind: 'busy', retryAfterSeconds: 3 });
        if (typed === 'nofile') return err({ kind: 'unavailable' });
        const found = this.people.get(typed.toLowerCase());
        return found !== undefined && password === PASSWORD ? ok(found) : err({ kind: 'refused' });
      },
    };
  }

  /** Answers one request; `path` and `query` as the server splits them. */
  answer(method: string, url: URL, headers: readonly string[], body: string): Promise<Reply> {
    const wire: Wire = {
      method,
      target: url.pathname + url.search,
      headers: ['Host', url.host, ...headers],
      peer: { kind: 'ip', ip: LOOPBACK },
      encrypted: url.protocol === 'https:',
    };
    const query = url.search === '' ? undefined : url.search.slice(1);
    const site = this.sites.get(url.origin);
    if (site !== undefined) {
      const path = url.pathname.slice(site.basePath.length) || '/';
      const bytes = Buffer.from(body, 'utf8');
      return this.portal.handle({ wire, site, path, query, client: LOOPBACK, body: async () => ok(bytes) });
    }
    const found = this.policy.apps.find((a) => a.app.urls.some((u) => sameHost(u.host, url.hostname)));
    if (found === undefined) throw new Error(`nobody answers at ${url.origin}`);
    return this.door.handle({ wire, app: found.app, origin: url.origin, path: url.pathname, query, client: LOOPBACK });
  }
}

function sameHost(pattern: App['urls'][number]['host'], host: string): boolean {
  return pattern.kind === 'exact' && pattern.host === host;
}

export const LOOPBACK = parseIp('127.0.0.1')!;

interface Jarred {
  readonly domain: string;
  readonly hostOnly: boolean;
  readonly value: string;
}

/** What a browser is to these handlers: cookies by host, Origin on posts, no redirect followed unless asked to. */
export class Client {
  readonly world: World;
  readonly jar = new Map<string, Jarred>();

  constructor(world: World) {
    this.world = world;
  }

  get(url: string, headers: readonly string[] = []): Promise<Answer> {
    return this.send('GET', url, headers, '');
  }

  /** Posts a form as the page at this origin would. */
  post(url: string, fields: Record<string, string>, headers?: readonly string[]): Promise<Answer> {
    const from = headers ?? ['Origin', new URL(url).origin, 'Sec-Fetch-Site', 'same-origin'];
    const type = ['Content-Type', 'application/x-www-form-urlencoded'];
    return this.send('POST', url, [...type, ...from], new URLSearchParams(fields).toString());
  }

  json(url: string, value: unknown, headers: readonly string[] = []): Promise<Answer> {
    return this.send('POST', url, ['Content-Type', 'application/json', ...headers], JSON.stringify(value));
  }

  async send(method: string, url: string, headers: readonly string[], body: string): Promise<Answer> {
    const u = new URL(url);
    const line = this.cookieLine(u.hostname);
    const cookie = line === '' ? [] : ['Cookie', line];
    const reply = await this.world.answer(method, u, [...cookie, ...headers], body);
    const answer = new Answer(reply, u);
    for (const c of answer.all('set-cookie')) this.#keep(u.hostname, c);
    return answer;
  }

  cookieLine(host: string): string {
    const sent = [...this.jar].filter(([, c]) => host === c.domain || (!c.hostOnly && host.endsWith(`.${c.domain}`)));
    return sent.map(([key, c]) => `${key.split('|')[0]}=${c.value}`).join('; ');
  }

  #keep(host: string, text: string): void {
    const [pair = '', ...attributes] = text.split('; ');
    const name = pair.slice(0, pair.indexOf('='));
    const domain = attributes.find((a) => a.startsWith('Domain='))?.slice(7);
    const key = `${name}|${domain ?? host}`;
    if (attributes.includes('Max-Age=0')) this.jar.delete(key);
    else
      this.jar.set(key, { domain: domain ?? host, hostOnly: domain === undefined, value: pair.slice(name.length + 1) });
  }

  /** Follows redirects like a browser until a page comes or an address that nobody here serves. */
  async follow(answer: Answer): Promise<Answer> {
    let now = answer;
    for (let i = 0; i < 10 && now.location !== undefined; i++) {
      const next = now.location;
      if (!next.includes('/.lintel/') && !this.world.sites.has(new URL(next).origin)) return now;
      now = await this.get(next);
    }
    return now;
  }

  signIn(portal: string, name = 'alice', more: Record<string, string> = {}): Promise<Answer> {
    return this.post(`${portal}/sign-in`, { username: name, password: PASSWORD, ...more });
  }
}

export class Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: readonly string[];
  readonly url: URL;

  constructor(reply: Reply, url: URL) {
    this.status = reply.status;
    this.body = reply.body;
    this.headers = reply.headers;
    this.url = url;
  }

  all(name: string): string[] {
    return this.headers.filter((_, i, list) => i % 2 === 1 && list[i - 1]?.toLowerCase() === name);
  }

  header(name: string): string | undefined {
    return this.all(name)[0];
  }

  /** Absolute. */
  get location(): string | undefined {
    const l = this.header('location');
    return l === undefined ? undefined : l.startsWith('/') ? this.url.origin + l : l;
  }

  get error(): string | undefined {
    return this.header('x-lintel-error');
  }

  get data(): unknown {
    return JSON.parse(this.body);
  }

  /** What a hidden or visible field of the page holds. */
  field(name: string): string | undefined {
    const m = new RegExp(`name="${name}" value="([^"]*)"`).exec(this.body);
    const entities: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };
    return m?.[1]?.replace(/&(?:amp|lt|gt|quot|#39);/g, (e) => entities[e] ?? e);
  }
}
