/**
 * Attacks as a client sends them through a reverse proxy. Those told in the headers of a check endpoint become the
 * request that the proxy would ask about; what a client could only do to those headers, it does to the proxy.
 */
import type { Attack } from './cases.ts';

export const APP_HOST = 'app.example.com';
const CLOSED = { closed: true } as const;

/** Rules that go before those of the examples, so that every attack on a rule finds its rule. */
export const EXTRA_RULES: readonly object[] = [
  { paths_regex: ['^/.*/health$'], allow: 'everyone' },
  { paths_regex: ['^/assets/.*\\.css$'], allow: 'everyone' },
  { paths: ['/api/items'], methods: ['GET'], allow: 'everyone' },
  { paths_regex: ['^/(a+)+$'], allow: 'everyone' },
  { paths: ['/order'], allow: ['group:admins'] },
  { paths: ['/order'], allow: 'everyone' },
  { paths: ['/unknown-group'], allow: ['group:nonesuch'] },
  { paths: ['/unknown-group'], deny: 'everyone' },
  { paths: ['/net'], networks: ['10.0.0.0/8'], allow: 'everyone' },
];

/** What takes the place of an attack whose point is in the headers that a proxy writes itself. */
const AS_CLIENT: Readonly<Record<string, Partial<Attack>>> = {
  'HOP-05': {
    uri: '/',
    headers: ['Connection: close, X-Forwarded-Uri, X-Forwarded-Host, X-Original-URL'],
    expect: CLOSED,
  },
  // Envoy refuses requests that nominate these headers.
  'HOP-02': { expect: { passes: 'alice', orRefused: true, carries: ['X-Forwarded-For'] } },
  'HOP-06': { expect: { passes: 'alice', orRefused: true, carries: ['X-Forwarded-Host'] } },
  'URI-01': { uri: '/admin', headers: ['X-Forwarded-Uri: /public', 'X-Original-URL: https://app.example.com/public'] },
  'URI-04': { uri: '/admin', headers: ['X-Forwarded-Host: '] },
  'URI-05': { uri: '/admin', headers: ['Connection: X-Forwarded-Uri'] },
  'URI-06': { uri: '/admin', headers: ['Connection: X-Forwarded-Method', 'X-Forwarded-Method: FOO'] },
  'URI-07': { uri: '/%zz', as: ['anonymous'], expect: CLOSED },
  'URI-12': { uri: '/admin', headers: ['X-Forwarded-Uri: /public', 'X-Forwarded-Uri: /public'] },
  'URI-13': { uri: '/admin', host: APP_HOST, headers: ['X-Forwarded-Host: public.example.com, app.example.com'] },
  'URI-15': { uri: '/admin', headers: ['X-Forwarded-Port: 443', 'X-Forwarded-Proto: http'] },
  'URI-18': { uri: '/admin', headers: ['X-Envoy-Original-Path: /public', 'X-Envoy-Decorator-Operation: x'] },
  'HST-04': { host: `${APP_HOST}:443`, uri: '/admin' },
  'HST-05': { host: 'APP.Example.COM.:8443', uri: '/admin' },
  'SKP-08': { uri: '/admin/export.css' },
  'SKP-12': { uri: '/admin' },
  'SKP-14': { uri: '/order' },
  'SKP-16': { uri: '/unknown-group' },
  'IPR-03': { uri: '/net', headers: ['X-Forwarded-For: ::ffff:0a00:0001'], expect: CLOSED },
  'IPR-05': { uri: '/net', headers: ['X-Forwarded-For: fe80::1%eth0'] },
  'IPR-06': { uri: '/net', headers: ['X-Forwarded-For: 012.0.0.1'] },
  'IPR-08': { uri: '/net', headers: ['X-Forwarded-For: 10.0.0.1', 'X-Forwarded-For: 10.0.0.1'], expect: CLOSED },
  'IPR-09': { uri: '/net' },
  'RDR-33': {
    host: APP_HOST,
    uri: '/',
    headers: ['X-Forwarded-Host: evil.test', 'X-Original-URL: https://evil.test/'],
    expect: { challenged: true },
  },
  // A server may take path and host from such a target (RFC 9112 §3.2.2); what counts is that nobody but the app is asked.
  'SRF-01': { uri: 'http://169.254.169.254/latest/meta-data/', expect: { passes: 'alice', orRefused: true } },
  'SMG-21': { method: 'POST', uri: '/x', expect: CLOSED },
};

/** Why an attack is not sent through a proxy. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'open-redirect': 'what the portal does with rd is no matter of the proxy in front',
  'fail-open':
    'what Lintel does when something of its own is gone is no matter of the proxy; a Lintel that is gone has a test below',
  session: 'sessions are Lintel’s matter; what a proxy does with cookies has a test below',
  'header-value-injection': 'values have a test of their own below',
  'information-leak': 'answers have a test of their own below',
  'request-smuggling': 'has a test of its own below',
};

/** The attack as a client sends it, or why not. */
export function clientRequest(a: Attack): Attack | string {
  if (a.notCovered !== undefined) return a.notCovered;
  if (a.face === 'ext-authz-grpc') return 'what only Envoy itself could say to Lintel';
  const own = AS_CLIENT[a.id];
  if (own === undefined && a.expect === undefined) return LEFT_OUT[a.class] ?? 'takes more than one request';
  if (own === undefined && a.face === 'auth-request') return 'told in headers that the proxy writes';
  const { raw: _, xff: __, from: ___, scheme: ____, ...kept } = a;
  const headers = (own?.headers ?? (a.raw === undefined ? a.headers : undefined) ?? []).map(home);
  return {
    ...kept,
    ...own,
    face: 'proxy',
    host: home(own?.host ?? a.host ?? APP_HOST),
    uri: own?.uri ?? a.uri ?? '/',
    headers,
  };
}

function home(text: string): string {
  return text
    .replace(/(?:skip|methods|regex|order|net|unknown-group)\.example\.test/, APP_HOST)
    .replace(/\.example\.test/gi, (found) => (found === '.example.test' ? '.example.com' : '.EXAMPLE.COM'));
}
