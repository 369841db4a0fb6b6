/**
 * A street of apps behind reverse proxies that ask authentik's endpoints, and browsers that walk along it. The proxies do
 * what Traefik and nginx do with the answers (contract: a 2xx lets the request through, anything else goes to the
 * browser; nginx turns a 401 into a redirect to `start`); the real ones run in test/proxies.
 */
import { formAction, hiddenFields } from '../black-box/hand-over.ts';
import { type Running, serve } from '../black-box/lintel.ts';
import { type Address, ask, headerOf, type Reply, valuesOf } from '../black-box/raw.ts';

export const PORTAL = 'https://auth.example.com';
export const PASSWORD = 'correct horse';

const PEOPLE = {
  alice: {
    password: PASSWORD,
    displayname: 'Alice Ångström',
    email: 'alice@example.com',
    groups: ['staff', 'editors'],
  },
  bob: { password: PASSWORD, displayname: 'Bob', email: 'bob@example.com', groups: ['guests'] },
};

export interface StreetOptions {
  readonly apps: object;
  readonly config?: object;
  readonly users?: Parameters<typeof serve>[0]['users'];
}

export function street({ apps, config = {}, users = PEOPLE }: StreetOptions): Promise<Running> {
  const settings = {
    trusted_proxies: ['127.0.0.1'],
    portal: PORTAL,
    storage: 'sqlite:DIR/lintel.db',
    users: 'file:DIR/users.yml',
    metrics: 'off',
    log: { level: 'debug', format: 'json' },
    outpost: 'the outpost',
    apps,
    ...config,
  };
  return serve({ config: settings, users, healthHost: 'auth.example.com' });
}

/** `tls`: a real proxy (or Lintel itself) at the address, asked over TLS as a browser asks. */
export type Front = 'traefik' | 'nginx' | 'lintel' | 'tls';

interface Cookie {
  readonly value: string;
  /** Undefined: this host only. */
  readonly domain: string | undefined;
}

/** A browser with a cookie jar that knows hosts and domains. */
export class Browser {
  readonly jar = new Map<string, Cookie>();
  readonly #at: Address;
  readonly #front: Front;
  readonly #password: string;

  constructor(at: Address, front: Front, password = PASSWORD) {
    this.#at = at;
    this.#front = front;
    this.#password = password;
  }

  /** What the browser holds for a host, as a header line's value. */
  cookies(host: string): string {
    const mine = [...this.jar].filter(([key, c]) =>
      c.domain === undefined ? key.startsWith(`${host} `) : host === c.domain || host.endsWith(`.${c.domain}`),
    );
    return mine.map(([key, c]) => `${key.split(' ')[1]}=${c.value}`).join('; ');
  }

  /** One request as the browser sends it, through whatever stands in front. No redirect is followed. */
  async get(url: string, headers: readonly string[] = [], method = 'GET', body = ''): Promise<Reply> {
    const { host, hostname, protocol, pathname, search, origin } = new URL(url);
    const path = `${pathname}${search}`;
    const cookie = this.cookies(hostname);
    const own = [
      'Accept: text/html,application/xhtml+xml,*/*;q=0.8',
      ...(cookie === '' ? [] : [`Cookie: ${cookie}`]),
      ...(method === 'POST' ? [`Origin: ${origin}`, 'Sec-Fetch-Site: same-origin'] : []),
      ...headers,
    ];
    const reply = await this.#through({ host, scheme: protocol.slice(0, -1), path, method, body, headers: own });
    this.#keep(hostname, reply);
    return reply;
  }

  async #through(r: {
    host: string;
    scheme: string;
    path: string;
    method: string;
    body: string;
    headers: readonly string[];
  }): Promise<Reply> {
    if (this.#front === 'tls') {
      const { host, method, path: target, body } = r;
      const headers = [`Host: ${host}`, ...r.headers, ...framing(r)];
      return ask(this.#at, { method, target, headers, body }, { servername: host.replace(/:\d+$/, '') });
    }
    const isPortal = r.host === new URL(PORTAL).host;
    if (isPortal || this.#front === 'lintel') return this.#direct(r);
    if (this.#front === 'traefik') {
      return ask(this.#at, {
        target: '/outpost.goauthentik.io/auth/traefik',
        headers: [
          'Host: outpost:9000',
          `X-Forwarded-Proto: ${r.scheme}`,
          `X-Forwarded-Host: ${r.host}`,
          `X-Forwarded-Uri: ${r.path}`,
          `X-Forwarded-Method: ${r.method}`,
          'X-Forwarded-For: 198.51.100.7',
          ...r.headers,
        ],
      });
    }
    if (r.path.startsWith('/outpost.goauthentik.io/')) return this.#direct(r);
    const reply = await ask(this.#at, {
      target: '/outpost.goauthentik.io/auth/nginx',
      headers: ['Host: outpost', `X-Original-URL: ${r.scheme}://${r.host}${r.path}`, ...r.headers],
    });
    if (reply.status !== 401) return reply;
    // return 302 /outpost.goauthentik.io/start?rd=$scheme://$http_host$request_uri, unescaped
    const location = `/outpost.goauthentik.io/start?rd=${r.scheme}://${r.host}${r.path}`;
    return { status: 302, headers: [['Location', location]], body: '' };
  }

  #direct(r: { host: string; scheme: string; path: string; method: string; body: string; headers: readonly string[] }) {
    return ask(this.#at, {
      method: r.method,
      target: r.path,
      headers: [
        `Host: ${r.host}`,
        `X-Forwarded-Proto: ${r.scheme}`,
        'X-Forwarded-For: 198.51.100.7',
        ...r.headers,
        ...framing(r),
      ],
      body: r.body,
    });
  }

  /** Follows redirects until something else comes; signs in at the portal's form when there is one. */
  async open(
    url: string,
    user?: string,
  ): Promise<{ readonly reply: Reply; readonly url: string; readonly trail: string[] }> {
    const trail: string[] = [];
    let at = url;
    let reply = await this.get(at);
    for (let i = 0; i < 15; i++) {
      trail.push(`${reply.status} ${at}`);
      const location = headerOf(reply, 'location');
      if (reply.status >= 300 && reply.status < 400 && location !== undefined) {
        at = new URL(location, at).href;
        reply = await this.get(at);
      } else if (user !== undefined && reply.status === 200 && reply.body.includes('name="password"')) {
        const body = new URLSearchParams({
          ...hiddenFields(reply.body),
          username: user,
          password: this.#password,
        }).toString();
        at = new URL(formAction(reply.body), at).href;
        reply = await this.get(at, [], 'POST', body);
      } else break;
    }
    return { reply, url: at, trail };
  }

  #keep(host: string, reply: Reply): void {
    for (const line of valuesOf(reply, 'set-cookie')) {
      const [pair = '', ...attributes] = line.split(';').map((p) => p.trim());
      const eq = pair.indexOf('=');
      const domain = attributes.find((a) => /^domain=/i.test(a))?.slice(7);
      const key = `${domain ?? host} ${pair.slice(0, eq)}`;
      if (attributes.includes('Max-Age=0')) this.jar.delete(key);
      else this.jar.set(key, { value: pair.slice(eq + 1), domain });
    }
  }
}

function framing(r: { readonly method: string; readonly body: string }): string[] {
  const length = r.method === 'POST' ? [`Content-Length: ${r.body.length}`] : [];
  return r.body === '' ? length : [...length, 'Content-Type: application/x-www-form-urlencoded'];
}

/** True when the browser ended at the sign-in form. */
export function asksToSignIn(reply: Reply): boolean {
  return reply.status === 200 && reply.body.includes('name="password"');
}

/** The identity headers of an answer, lower-case names. */
export function told(reply: Reply): Record<string, string> {
  return Object.fromEntries(
    reply.headers
      .filter(([n]) => /^x-authentik-|^remote-|^authorization$/i.test(n))
      .map(([n, v]) => [n.toLowerCase(), v]),
  );
}
