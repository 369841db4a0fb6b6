import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../app.ts';
import type { ParseUrl } from '../ports.ts';
import { REMOTE } from '../profile/profile.ts';
import { type Level, plainUser, type Subject } from '../subject.ts';
import { canonicalTarget, type Target, type TargetParts } from '../target.ts';
import { parseIp, parseNetwork } from '../text/ip.ts';
import { returnTo } from '../text/return-to.ts';
import { appFor, compilePolicy, type PolicySource } from './compile.ts';
import { candidatesFor, decide } from './decide.ts';
import { explain } from './explain.ts';
import { type HostPattern, NO_CONDITIONS, type Outcome, type PathPattern, type Rule } from './rule.ts';

const place = { file: 'lintel.yml', line: 1, column: 1 };
const everyone: Outcome = { kind: 'everyone' };
const deny: Outcome = { kind: 'deny' };
const signedIn = (level: Level = 'one_factor'): Outcome => ({ kind: 'signed-in', level });
const prefix = (source: string): PathPattern => ({ source, test: (p) => p === source || p.startsWith(`${source}/`) });
const exact = (host: string): HostPattern => ({ kind: 'exact', host });
const below = (suffix: string): HostPattern => ({ kind: 'wildcard', suffix });

function rule(outcome: Outcome, more: Partial<Rule> = {}): Rule {
  return { place, label: 'r', ...NO_CONDITIONS, outcome, ...more };
}

function app(name: string, host: HostPattern, rules: Rule[], port = 443): App {
  const scheme = port === 80 ? 'http' : 'https';
  return {
    name,
    title: name,
    urls: [{ scheme, host, port }],
    profile: REMOTE,
    upstream: undefined,
    origins: [],
    rules,
  };
}

function policy(source: Partial<PolicySource>) {
  return compilePolicy({ apps: [], rules: [], defaultOutcome: deny, domains: [], portal: undefined, ...source });
}

function target(url: string, more: Partial<TargetParts> = {}): Target {
  const [, scheme = '', authority = '', uri = ''] = /^(\w+):\/\/([^/]*)(.*)$/.exec(url) ?? [];
  const parsed = canonicalTarget({ scheme, authority, uri, method: 'GET', client: parseIp('192.0.2.1')!, ...more });
  assert.ok(parsed.ok, url);
  return parsed.value;
}

function user(name: string, groups: string[] = [], level: Level = 'one_factor'): Subject {
  return {
    kind: 'user',
    user: plainUser({ name, displayName: name, emails: [], groups, epoch: 'e' }),
    level,
    via: 'session',
  };
}

const anonymous: Subject = { kind: 'anonymous' };

function outcome(source: Partial<PolicySource>, t: Target, subject: Subject): string {
  const candidates = candidatesFor(policy(source), t);
  if (!candidates.ok) return candidates.error.id;
  const d = decide(candidates.value, subject);
  if (d.kind === 'challenge') return `challenge ${d.how.kind}`;
  if (d.kind === 'deny') return `deny ${d.reason.kind}`;
  return d.kind === 'fault' ? d.fault.id : d.kind;
}

const site = {
  apps: [
    app('site', exact('app.test'), [
      rule(everyone, { paths: [prefix('/public')] }),
      rule(signedIn(), { paths: [prefix('/admin')], subjects: [[{ kind: 'group', name: 'admins' }]] }),
      rule(deny, { paths: [prefix('/admin')] }),
      rule(signedIn()),
    ]),
  ],
};

test('first match decides, no match denies', () => {
  assert.equal(outcome(site, target('https://app.test/public/x'), anonymous), 'allow');
  assert.equal(outcome(site, target('https://app.test/'), anonymous), 'challenge sign-in');
  assert.equal(outcome(site, target('https://app.test/'), user('bob')), 'allow');
  assert.equal(outcome(site, target('https://app.test/admin'), user('bob')), 'deny rule');
  assert.equal(outcome(site, target('https://app.test/admin'), user('alice', ['admins'])), 'allow');
  assert.equal(outcome(site, target('https://app.test/admin'), anonymous), 'challenge sign-in');
  const empty = {
    apps: [app('x', exact('x.test'), [rule(everyone, { paths: [prefix('/p')] })])],
    defaultOutcome: everyone,
  };
  assert.equal(outcome(empty, target('https://x.test/q'), anonymous), 'deny default');
});

test('the strictest reading stands, whichever way an app reads the path', () => {
  for (const path of [
    '/public/..;/admin',
    '/public%2f..%2fadmin',
    '/public\\..\\admin',
    '/public/../admin',
    '//admin',
    '/admin;x',
    '/./admin',
  ]) {
    assert.notEqual(outcome(site, target(`https://app.test${path}`), anonymous), 'allow', path);
    assert.equal(outcome(site, target(`https://app.test${path}`), user('bob')), 'deny rule', path);
    assert.equal(outcome(site, target(`https://app.test${path}`), user('alice', ['admins'])), 'allow', path);
  }
  assert.equal(outcome(site, target('https://app.test/public/a%2Fb'), anonymous), 'allow');
});

test('a rule for somebody in particular makes an anonymous person sign in first', () => {
  const rules = [
    rule(signedIn(), { hosts: [exact('a.test')], subjects: [[{ kind: 'user', name: 'x' }]] }),
    rule(everyone, { hosts: [exact('a.test')] }),
  ];
  assert.equal(outcome({ rules }, target('https://a.test/'), anonymous), 'challenge sign-in');
  assert.equal(outcome({ rules }, target('https://a.test/'), user('bob')), 'allow');
  const denied = [rule(deny, { hosts: [exact('a.test')], subjects: [[{ kind: 'user', name: 'x' }]] })];
  assert.equal(outcome({ rules: denied }, target('https://a.test/'), anonymous), 'challenge sign-in');
  assert.equal(
    outcome({ rules: [rule(deny, { hosts: [exact('a.test')] })] }, target('https://a.test/'), anonymous),
    'deny rule',
  );
});

test('levels: one factor does not open a two-factor door', () => {
  const rules = [rule(signedIn('two_factor'), { hosts: [exact('a.test')] })];
  assert.equal(outcome({ rules }, target('https://a.test/'), user('bob')), 'challenge step-up');
  assert.equal(outcome({ rules }, target('https://a.test/'), user('bob', [], 'two_factor')), 'allow');
});

test('a dead store is neither a sign-in loop nor an allow; rules that need nobody still work', () => {
  const down: Subject = { kind: 'unavailable', what: 'store' };
  assert.equal(outcome(site, target('https://app.test/public'), down), 'allow');
  assert.equal(outcome(site, target('https://app.test/'), down), 'STORE-UNAVAILABLE');
  assert.equal(outcome(site, target('https://app.test/admin'), down), 'STORE-UNAVAILABLE');
});

test('a fact that the proxy did not send is never assumed', () => {
  const lan = parseNetwork('10.0.0.0/8')!;
  const rules = [
    rule(everyone, { hosts: [exact('a.test')], networks: [lan] }),
    rule(signedIn(), { hosts: [exact('a.test')] }),
  ];
  const unknown = { client: { missing: 'X-Forwarded-For' } };
  assert.equal(outcome({ rules }, target('https://a.test/', unknown), user('bob')), 'deny unknown-fact');
  assert.equal(outcome({ rules }, target('https://a.test/'), anonymous), 'challenge sign-in');
  assert.equal(
    outcome({ rules }, target('https://a.test/', { client: parseIp('::ffff:10.1.1.1')! }), anonymous),
    'allow',
  );
  const method = [rule(everyone, { hosts: [exact('a.test')], methods: ['GET'] })];
  assert.equal(
    outcome({ rules: method }, target('https://a.test/', { method: { missing: 'X-Original-Method' } }), anonymous),
    'deny unknown-fact',
  );
});

test('hosts: exact before wildcard, dot boundary, unknown hosts are refused', () => {
  const apps = [
    app('wild', below('.example.test'), [rule(everyone)]),
    app('one', exact('one.example.test'), [rule(deny)]),
  ];
  assert.equal(outcome({ apps }, target('https://one.example.test/'), anonymous), 'deny rule');
  assert.equal(outcome({ apps }, target('https://two.example.test/'), anonymous), 'allow');
  assert.equal(outcome({ apps }, target('https://deep.two.example.test/'), anonymous), 'allow');
  assert.equal(outcome({ apps }, target('https://evilexample.test/'), anonymous), 'HOST-UNKNOWN');
  assert.equal(outcome({ apps }, target('https://example.test/'), anonymous), 'HOST-UNKNOWN');
  assert.equal(outcome({ apps }, target('http://two.example.test/'), anonymous), 'TARGET-SCHEME');
});

test('policy rules come before the rules of apps', () => {
  const apps = [app('one', exact('one.test'), [rule(everyone)])];
  assert.equal(
    outcome({ apps, rules: [rule(deny, { hosts: [exact('one.test')] })] }, target('https://one.test/'), anonymous),
    'deny rule',
  );
});

test('{user} hosts: the name decides, case aside', () => {
  const rules = [rule(signedIn(), { hosts: [{ kind: 'user', suffix: '.u.test' }] })];
  assert.equal(outcome({ rules }, target('https://ALICE.u.test/'), user('Alice')), 'allow');
  assert.equal(outcome({ rules }, target('https://bob.u.test/'), user('alice')), 'deny default');
  assert.equal(outcome({ rules }, target('https://bob.u.test/'), anonymous), 'challenge sign-in');
});

test('ports choose among the apps of a host and do not hide the only one', () => {
  const two = policy({ apps: [app('a', exact('x.test'), []), app('b', exact('x.test'), [], 8443)] });
  assert.equal(appFor(two, 'https', 'x.test', 8443)?.app.app.name, 'b');
  assert.equal(appFor(two, 'https', 'x.test', undefined)?.app.app.name, 'a');
  assert.equal(appFor(two, 'https', 'x.test', 9999), undefined);
  const only = policy({ apps: [app('b', exact('x.test'), [], 8443)] });
  assert.equal(appFor(only, 'https', 'x.test', undefined)?.origin, 'https://x.test:8443');
});

const parse: ParseUrl = (text, base) => URL.parse(text, base) ?? undefined;

test('return-to: only declared apps, as a browser reads them', () => {
  const p = policy({
    apps: [app('a', exact('app.test'), [rule(signedIn())]), app('w', below('.w.test'), [rule(signedIn())])],
  });
  const good = [
    'https://app.test/',
    'https://app.test/a?b=c#d',
    'https://APP.test./x',
    'https://app.test:443/x',
    'https://x.w.test/a/../b',
    'https://app.test?q=1',
  ];
  for (const url of good) assert.ok(returnTo(p, url, parse), url);
  assert.equal(returnTo(p, 'https://APP.TEST./x?y#z', parse)?.href, 'https://app.test/x?y#z');
  const bad = [
    '//evil.test/',
    '/\\evil.test/',
    '\\\\evil.test/',
    'https:///evil.test/',
    'https:evil.test',
    'http://app.test@evil.test/',
    'https://evil.test\\@app.test/',
    'https://app.test.evil.test/',
    'https://evilapp.test/',
    '\thttps://app.test/',
    'ht\ntps://app.test/',
    'javascript:alert(1)',
    'javascript://app.test/%0aalert(1)',
    'https://ⓔvil.test/',
    'https://app.test%00.evil.test/',
    'https://app.test%2f@evil.test/',
    'http://app.test/',
    'https://app.test:8443/',
    'https://user:pw@app.test/',
    'https://w.test/',
    'https://app.test/%zz',
    'https://app.test/\u0000',
    'https://[app.test]/',
  ];
  for (const url of bad) assert.equal(returnTo(p, url, parse), undefined, url);
});

test('explain shows every rule and agrees with the decision', () => {
  const e = explain(policy(site), target('https://app.test/admin'), user('bob'), 0);
  assert.ok(e.ok);
  assert.deepEqual(
    e.value.readings[0]?.steps.map((s) => s.kind),
    ['condition', 'subject', 'decides', 'not-reached'],
  );
  assert.equal(e.value.decision.kind, 'deny');
});

test('an explanation shows that a password is sent, and not which', () => {
  const basicAuth = { userAttribute: 'u', passwordAttribute: 'p' };
  const one = { ...app('a', exact('basic.test'), [rule(signedIn())]), basicAuth };
  const attributes = { u: 'alice', p: 'hunter2' };
  const alice = user('alice');
  assert.ok(alice.kind === 'user');
  const known = { ...alice, user: { ...alice.user, attributes, mergedAttributes: attributes } };
  const e = explain(policy({ apps: [one] }), target('https://basic.test/'), known, 0);
  assert.ok(e.ok);
  assert.deepEqual(e.value.headers.slice(-2), ['Authorization', 'Basic ********']);
});
