import type { ListenAddress, Settings } from '../../config/settings.ts';
import { type App, upstreamOf } from '../../core/app.ts';
import { defaultEndpoints } from '../../core/endpoint.ts';
import {
  NO_CONDITIONS,
  type Outcome,
  type PathPattern,
  type Rule,
  type SubjectPattern,
} from '../../core/policy/rule.ts';
import { REMOTE } from '../../core/profile/profile.ts';
import { webOrigin } from '../../core/text/origin.ts';

/** What the demo is made of: a port of this machine, where the app listens, and which addresses can be had. */
export interface Stage {
  readonly port: number;
  /** host:port of the app. */
  readonly upstream: string;
  readonly hosts: readonly string[];
}

export const APP_HOST = 'whoami.localhost';
export const PORTAL_HOST = 'auth.localhost';

/** What this file says, as somebody would write it: shown by `lintel demo --help`, and to be started from. */
export const AS_YAML = `  listen: [127.0.0.1:9080, '[::1]:9080']
  portal: http://auth.localhost:9080
  storage: "memory:"
  metrics: off
  session: {remember_me: off}
  throttle: {max_retries: 5}
  apps:
    whoami:
      url: http://whoami.localhost:9080
      upstream: http://127.0.0.1:PORT
      access:
        - {paths: [/public, /style.css, /copy.js], allow: everyone}
        - {paths: [/admin], allow: [group:admins]}
        - {paths: [/admin], deny: everyone}
        - {allow: signed_in}
`;

const SIGNED_IN: Outcome = { kind: 'signed-in', level: 'one_factor' };
const ADMINS: readonly SubjectPattern[] = [{ kind: 'group', name: 'admins' }];

/** The settings of the demo. They need no file, so nothing is read and nothing is left behind. */
export function demoSettings(stage: Stage): Settings {
  const listen: ListenAddress[] = stage.hosts.map((host) => ({
    kind: 'tcp',
    host,
    port: stage.port,
    tls: undefined,
    redirect: false,
  }));
  const origin = originAt(PORTAL_HOST, stage.port);
  return {
    listen,
    trustedProxies: { networks: [], unix: false },
    portal: { scheme: 'http', host: PORTAL_HOST, port: stage.port, basePath: '', origin, url: `${origin}/` },
    domains: [],
    storage: { kind: 'memory' },
    users: undefined,
    session: { idleMs: 3_600_000, lifetimeMs: 43_200_000, rememberMs: 0 },
    apps: [demoApp(stage)],
    appCertificates: [],
    selfSigned: undefined,
    rules: [],
    defaultOutcome: { kind: 'deny' },
    networks: new Map(),
    endpoints: defaultEndpoints(0),
    grpc: undefined,
    metrics: undefined,
    log: { level: 'warn', format: 'text' },
    basicCacheMs: 0,
    throttle: { maxRetries: 5, findTimeMs: 120_000, banTimeMs: 300_000 },
    assertion: { algorithm: 'ES256', lifetimeMs: 60_000, rotateMs: 86_400_000 },
    upstreamTimeoutMs: 10_000,
    outpost: 'lintel',
    additionalHeaders: [],
    watch: [],
  };
}

/** scheme://host[:port] as browsers write it. */
export function originAt(host: string, port: number): string {
  return webOrigin('http', host, port);
}

function demoApp({ port, upstream }: Stage): App {
  const [hostname = '', upstreamPort = ''] = upstream.split(':');
  return {
    name: 'whoami',
    title: 'whoami',
    urls: [{ scheme: 'http', host: { kind: 'exact', host: APP_HOST }, port }],
    profile: REMOTE,
    upstream: upstreamOf(hostname, Number(upstreamPort), upstream),
    origins: [],
    rules: [
      rule(1, ['/public', '/style.css', '/copy.js'], [], { kind: 'everyone' }),
      rule(2, ['/admin'], [ADMINS], SIGNED_IN),
      rule(3, ['/admin'], [], { kind: 'deny' }),
      rule(4, [], [], SIGNED_IN),
    ],
  };
}

function rule(number: number, paths: readonly string[], subjects: Rule['subjects'], outcome: Outcome): Rule {
  return {
    ...NO_CONDITIONS,
    place: { file: 'demo', line: number, column: 1 },
    label: `app whoami, rule ${number}`,
    paths: paths.map(prefix),
    subjects,
    outcome,
  };
}

function prefix(source: string): PathPattern {
  return { source, test: (path) => path === source || path.startsWith(`${source}/`) };
}
