/** The installation under attack: alice is staff, bob is admin, `/public` is open, `/admin` is for admins. */
import type { SessionStore } from '../../src/core/ports.ts';
import { type Backend, startBackend } from '../black-box/backend.ts';
import { handOver } from '../black-box/hand-over.ts';
import { type Account, type Running, serve } from '../black-box/lintel.ts';
import { openStore, signIn } from '../black-box/sessions.ts';

export const PORTAL = 'https://auth.example.test';
export const GATE_COOKIE = 'lintel_gate';
export const PASSWORD = 'correct horse';

export const USERS: Readonly<Record<string, Account>> = {
  alice: { password: PASSWORD, displayname: 'Alice', email: 'alice@example.test', groups: ['staff', 'writers'] },
  bob: { password: PASSWORD, displayname: 'Bob', email: 'bob@example.test', groups: ['admins', 'staff'] },
};

/** Identity headers of each person as a profile of Remote-* has them. */
export const IDENTITY: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  nobody: { 'Remote-User': '', 'Remote-Groups': '', 'Remote-Name': '', 'Remote-Email': '' },
  alice: {
    'Remote-User': 'alice',
    'Remote-Groups': 'staff,writers',
    'Remote-Name': 'Alice',
    'Remote-Email': 'alice@example.test',
  },
  bob: {
    'Remote-User': 'bob',
    'Remote-Groups': 'admins,staff',
    'Remote-Name': 'Bob',
    'Remote-Email': 'bob@example.test',
  },
};

/** Access of each host. `skip`, `order` and so on are the mistakes that operators make. */
export const ACCESS: Readonly<Record<string, readonly object[]>> = {
  app: [
    { paths: ['/public'], allow: 'everyone' },
    { paths: ['/admin'], allow: ['group:admins'] },
    { paths: ['/admin'], deny: 'everyone' },
    { paths: ['/api/items'], methods: ['GET'], allow: 'everyone' },
    { allow: 'signed_in' },
  ],
  admin: [{ allow: ['group:admins'] }],
  public: [{ allow: 'everyone' }],
  skip: [
    { paths_regex: ['^/.*/health$'], allow: 'everyone' },
    { paths_regex: ['^/assets/.*\\.css$'], allow: 'everyone' },
    { allow: ['group:admins'] },
  ],
  methods: [{ methods: ['GET', 'POST'], allow: 'signed_in' }],
  regex: [{ paths_regex: ['^/(a+)+$'], allow: 'everyone' }, { allow: 'signed_in' }],
  order: [{ allow: ['group:admins'] }, { allow: 'everyone' }],
  'unknown-group': [{ allow: ['group:nonesuch'] }],
  net: [{ networks: ['10.0.0.0/8'], allow: 'everyone' }, { allow: 'signed_in' }],
  closed: [{ deny: 'everyone' }],
};

/** What every installation has in common. */
export const COMMON = {
  trusted_proxies: ['127.0.0.1'],
  portal: PORTAL,
  storage: 'sqlite:DIR/lintel.db',
  users: 'file:DIR/users.yml',
  metrics: 'off',
  log: { level: 'debug', format: 'json' },
} as const;

/** The apps of ACCESS; with a backend Lintel is their proxy. */
export function appsAt(scheme: 'http' | 'https', backend?: Backend): Readonly<Record<string, object>> {
  const upstream = backend === undefined ? {} : { upstream: `http://127.0.0.1:${backend.port}` };
  const entries = Object.entries(ACCESS).map(([name, access]) => [
    name,
    { url: `${scheme}://${name}.example.test`, access, ...upstream },
  ]);
  return Object.fromEntries(entries);
}

/** Cookie headers of people who signed in to one app after another; each sign-in is done once. */
export function handOvers(at: Running, scheme: 'http' | 'https'): Installation['cookie'] {
  const known = new Map<string, string>();
  return async (who, host = 'app.example.test') => {
    if (who === 'anonymous') return undefined;
    const key = `${who} ${host}`;
    const cookie = known.get(key) ?? (await handOver(at, PORTAL, `${scheme}://${host}/`, who, PASSWORD));
    known.set(key, cookie);
    return cookie;
  };
}

export interface Installation {
  readonly at: Running;
  readonly store: SessionStore;
  readonly backend: Backend | undefined;
  /** Cookie header for somebody at a host of the installation. */
  cookie(who: string, host?: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

export interface InstallationOptions {
  readonly users?: Readonly<Record<string, Account>>;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Lintel as the gate behind another proxy at 127.0.0.1, one cookie for the whole domain: what an Authelia site has. */
export async function gate(options: InstallationOptions = {}): Promise<Installation> {
  const config = {
    ...COMMON,
    domains: [{ domain: 'example.test', portal: PORTAL, cookie: GATE_COOKIE }],
    apps: appsAt('https'),
    ...options.config,
  };
  const at = await serve({ config, users: options.users ?? USERS, healthHost: 'auth.example.test' });
  const store = await openStore(at.database);
  const known = new Map<string, string>();
  return {
    at,
    store,
    backend: undefined,
    cookie: async (who) => {
      if (who === 'anonymous') return undefined;
      const token = known.get(who) ?? (await signIn(at, PORTAL, who, PASSWORD)).get(GATE_COOKIE);
      if (token === undefined) throw new Error(`${who} got no gate cookie`);
      known.set(who, token);
      return `${GATE_COOKIE}=${token}`;
    },
    stop: async () => {
      await store.close();
      await at.stop();
    },
  };
}

/** Lintel as the proxy itself on plain HTTP, each app with a cookie of its own by hand-over: the native default. */
export async function proxy(options: InstallationOptions & { readonly backend?: Backend } = {}): Promise<Installation> {
  const backend = options.backend ?? (await startBackend());
  const config = {
    ...COMMON,
    apps: appsAt('http', backend),
    ...options.config,
  };
  const at = await serve({ config, users: options.users ?? USERS, healthHost: 'auth.example.test' }).catch(
    async (error: unknown) => {
      await backend.close();
      throw error;
    },
  );
  const store = await openStore(at.database);
  return {
    at,
    store,
    backend,
    cookie: handOvers(at, 'http'),
    stop: async () => {
      await store.close();
      await at.stop();
      await backend.close();
    },
  };
}
