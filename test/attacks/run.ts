/**
 * Sends attacks and judges what came of them. `sendThrough` takes any target: Lintel's own check endpoints, its proxy
 * face, or a real reverse proxy that asks Lintel.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type Arrival, type Backend, foldedValues } from '../black-box/backend.ts';
import {
  type Address,
  type Exchange,
  type ExchangeOptions,
  exchange,
  headerOf,
  type Reply,
  requestBytes,
  valuesOf,
} from '../black-box/raw.ts';
import { type Attack, attack, attacksOf, type Who } from './cases.ts';
import { gate, IDENTITY, type Installation, proxy } from './fixture.ts';

export interface Target extends Address {
  /** `check`: answers whether; `proxy`: forwards what it allows to the backend. */
  readonly kind: 'check' | 'proxy';
  readonly backend: Backend | undefined;
  cookie(who: Who, host?: string): Promise<string | undefined>;
  /** Loopback address that clients come from. */
  readonly from?: string;
  /** TLS with this server name. */
  readonly servername?: string;
  /** Identity headers of each person, where they are not those of the fixture. */
  readonly identity?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface Outcome {
  readonly exchange: Exchange;
  readonly reply: Reply | undefined;
  /** What the app saw of it. */
  readonly arrivals: readonly Arrival[];
}

/** All attacks of a class that one request can show, plus `special` for those that need more. Prints the count. */
export function runClass(name: string, special: (s: Setup) => void = () => {}): void {
  describe(name, () => {
    const setup = newSetup();
    const attacks = attacksOf(name);
    after(async () => {
      await setup.stop();
      const open = attacks.filter((a) => a.notCovered !== undefined);
      const list = open.map((a) => `\n  ${a.id} ${a.title}: ${a.notCovered}`).join('');
      console.log(`${name}: ${attacks.length - open.length} of ${attacks.length} attacks covered${list}`);
    });
    for (const a of attacks) {
      if (a.expect === undefined) continue;
      test(`${a.id} ${a.title}`, async () => judgeAll(await setup.target(a.face === 'proxy' ? 'proxy' : 'check'), a));
    }
    special(setup);
    test('every attack of the class has a test', () => {
      const told = new Set([...attacks.filter((a) => a.expect ?? a.notCovered).map((a) => a.id), ...setup.told]);
      assert.deepEqual(
        attacks.map((a) => a.id).filter((id) => !told.has(id)),
        [],
      );
    });
  });
}

export interface Setup {
  /** Started on first use. */
  gate(): Promise<Installation>;
  proxy(): Promise<Installation>;
  target(kind: Target['kind']): Promise<Target>;
  /** Declares the test of an attack that takes more than one request. */
  attack(id: string, body: () => Promise<void>): void;
  /** Declares a test that belongs to the class but to none of its published attacks. */
  extra(name: string, body: () => Promise<void>): void;
  readonly told: ReadonlySet<string>;
  stop(): Promise<void>;
}

function newSetup(): Setup {
  let gated: Promise<Installation> | undefined;
  let proxied: Promise<Installation> | undefined;
  const told = new Set<string>();
  const setup: Setup = {
    told,
    gate: () => (gated ??= gate()),
    proxy: () => (proxied ??= proxy()),
    target: async (kind) => {
      const { at, backend, cookie } = await (kind === 'proxy' ? setup.proxy() : setup.gate());
      // Clients of the proxy face come from an address that is nobody's proxy.
      return { host: at.host, port: at.port, kind, backend, cookie, ...(kind === 'proxy' && { from: '127.0.0.2' }) };
    },
    attack: (id, body) => {
      told.add(id);
      test(`${id} ${attack(id).title}`, body);
    },
    extra: (name, body) => void test(name, body),
    stop: async () => {
      for (const started of await Promise.allSettled([gated, proxied])) {
        if (started.status === 'fulfilled') await started.value?.stop();
      }
    },
  };
  return setup;
}

/** The bytes of an attack for a target, in the client's own words or in those of a check endpoint. */
export function bytesFor(a: Attack, target: Target, cookie: string | undefined, xff?: string): string {
  const cookies = cookie === undefined ? [] : [`Cookie: ${cookie}`];
  const headers = [...(a.headers ?? []), ...cookies];
  const [rawMethod = 'GET', rawTarget = '/'] = (a.raw ?? '').split(' ');
  if (a.raw !== undefined) {
    const host = headers.some((h) => /^host:/i.test(h)) ? [] : ['Host: auth.internal'];
    return requestBytes({ method: rawMethod, target: rawTarget, headers: [...host, ...headers], body: a.body ?? '' });
  }
  const method = a.method ?? 'GET';
  const uri = a.uri ?? '/';
  if (target.kind === 'proxy') {
    const line = { method, target: uri, headers: [`Host: ${a.host}`, ...headers], body: a.body ?? '' };
    return requestBytes({ ...line, ...(a.version !== undefined && { version: a.version }) });
  }
  const told = [
    'Host: auth.internal',
    `X-Forwarded-Method: ${method}`,
    `X-Forwarded-Proto: ${a.scheme ?? 'https'}`,
    `X-Forwarded-Host: ${a.host}`,
    `X-Forwarded-Uri: ${uri}`,
    `X-Forwarded-For: ${xff ?? '198.51.100.7'}`,
    'Accept: text/html',
  ];
  return requestBytes({ target: '/api/authz/forward-auth', headers: [...told, ...headers] });
}

/** Sends it and waits until the app has had time to see anything that came of it. */
export async function sendThrough(
  target: Target,
  a: Attack,
  who: Who,
  { xff, ...options }: ExchangeOptions & { readonly xff?: string | undefined } = {},
): Promise<Outcome> {
  target.backend?.take();
  const cookie = await target.cookie(who, hostOf(a));
  const bytes = bytesFor(a, target, cookie, xff);
  const from = a.from ?? target.from;
  const done = await exchange(target, bytes, {
    settleMs: target.backend ? 60 : 0,
    ...(from && { from }),
    ...(target.servername && { servername: target.servername }),
    ...options,
  });
  return { exchange: done, reply: done.replies.find((r) => r.status >= 200), arrivals: target.backend?.take() ?? [] };
}

export function hostOf(a: Attack): string {
  const host = (a.host ?? 'app.example.test').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
  return /^[a-z-]+\.example\.test$/.test(host) ? host : 'app.example.test';
}

export async function judgeAll(target: Target, a: Attack): Promise<void> {
  for (const who of a.as ?? (['anonymous'] as const)) {
    for (const xff of a.xff ?? [undefined]) {
      // A proxy in front may wait for the rest of a body that it takes for unfinished: the attacker's own connection.
      const mayWait = target.servername !== undefined && a.class === 'request-smuggling';
      const outcome = await sendThrough(target, a, who, { xff, ...(mayWait && { timeoutMs: 3_000 }) });
      assert.ok(mayWait || outcome.exchange.end !== 'timeout', `no end, as ${who}`);
      await judge(target, a, who, outcome);
    }
  }
}

export async function judge(target: Target, a: Attack, who: Who, o: Outcome): Promise<void> {
  const e = a.expect ?? {};
  const said = `as ${who}: ${o.reply?.status} ${o.reply && (headerOf(o.reply, 'x-lintel-error') ?? '')} ${o.reply?.body.slice(0, 200)}`;
  if (e.passes !== undefined) {
    if (e.orRefused && o.arrivals.length === 0 && o.reply && o.reply.status >= 400 && o.reply.status < 500) return;
    if (target.kind === 'check') checkedAs(o, e.passes, said);
    else arrivedAs(o, (target.identity ?? IDENTITY)[e.passes]!, said);
    for (const arrival of o.arrivals) carries(arrival, e.carries ?? [], e.never ?? []);
    return;
  }
  if (target.servername !== undefined && a.class === 'request-smuggling' && o.arrivals.length > 0) {
    unsmuggled(target, who, o, said);
    return;
  }
  assert.deepEqual(
    o.arrivals.map((x) => x.raw),
    [],
    `the app saw it; ${said}`,
  );
  assert.ok(o.reply === undefined || o.reply.status >= 300, said);
  // A proxy in front may refuse in its own words, or repair the request and have it judged.
  if (e.refused && target.servername === undefined) {
    assert.ok(o.reply && o.reply.status >= 400 && o.reply.status < 500, said);
    if (target.kind === 'check' || a.class !== 'request-smuggling')
      assert.match(headerOf(o.reply, 'x-lintel-error') ?? '', /^[A-Z][A-Z-]+$/, said);
  }
  if (e.challenged) assert.ok(o.reply && [302, 303, 401].includes(o.reply.status), said);
  if (e.like !== undefined && o.reply && o.reply.status !== 400) {
    const same = await sendThrough(target, plainAsk(a, e.like), who);
    assert.equal(meaning(o.reply), meaning(same.reply), `judged otherwise than ${e.like}; ${said}`);
  }
}

/** A proxy in front framed the request anew: one request, of the person who sent it, and no bytes left over. */
function unsmuggled(target: Target, who: Who, o: Outcome, said: string): void {
  arrivedAs(o, (target.identity ?? IDENTITY)[who]!, said);
  assert.equal(`${o.arrivals[0]?.method} ${o.arrivals[0]?.target}`, 'POST /', said);
  // What is left of the body may be answered as a malformed request, to the sender alone.
  assert.equal(
    o.exchange.replies.filter((r) => r.status >= 200 && r.status < 400).length,
    1,
    'one request, one answer',
  );
  const rubbish = target.backend?.leftOver().filter((text) => !text.startsWith('POST / HTTP/1.1\r\n'));
  assert.deepEqual(rubbish, [], 'bytes that are no request reached the app');
}

/** A challenge is one whether the client looks like a browser or not. */
function meaning(reply: Reply | undefined): number | undefined | 'challenge' {
  return reply && [302, 303, 401].includes(reply.status) ? 'challenge' : reply?.status;
}

function plainAsk(a: Attack, uri: string): Attack {
  const { headers: _, raw: __, ...rest } = a;
  return { ...rest, host: a.host ?? 'app.example.test', uri };
}

function checkedAs(o: Outcome, who: string, said: string): void {
  assert.equal(o.reply?.status, 200, said);
  for (const [name, value] of Object.entries(IDENTITY[who]!)) assert.deepEqual(valuesOf(o.reply!, name), [value], said);
}

function arrivedAs(o: Outcome, identity: Readonly<Record<string, string>>, said: string): void {
  assert.equal(o.arrivals.length, 1, `the app saw ${o.arrivals.length} requests; ${said}`);
  for (const [name, value] of Object.entries(identity)) {
    const values = foldedValues(o.arrivals[0]!, name);
    // Absent and empty are the same to an app.
    assert.deepEqual(
      value === '' ? values.filter((v) => v !== '') : values,
      value === '' ? [] : [value],
      `${name}; ${said}`,
    );
  }
}

function carries(arrival: Arrival, names: readonly string[], never: readonly string[]): void {
  for (const name of names) assert.notDeepEqual(foldedValues(arrival, name), [], `${name} got lost`);
  for (const value of never) {
    const bad = arrival.headers.filter(
      ([n, v]) => v.split(/[\s,]+/).includes(value) && !/^(host|user-agent)$/i.test(n),
    );
    assert.deepEqual(bad, [], 'a value of the attacker reached the app');
    if (value.length > 3)
      assert.ok(
        !arrival.raw
          .split('\r\n')
          .slice(1)
          .some((l) => l.includes(`: ${value}`)),
        'in a trailer',
      );
  }
}
