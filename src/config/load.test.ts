// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the expressions are what is tested
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from './load.ts';
import type { Settings } from './settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'lintel-config-'));

/** Loads texts as files a.yml, b.yml, … of one directory. */
async function load(texts: readonly string[], env: Record<string, string> = {}) {
  const cwd = mkdtempSync(join(directory, 'x'));
  const names = texts.map((text, i) => {
    const name = `${String.fromCharCode(97 + i)}.yml`;
    writeFileSync(join(cwd, name), text);
    return name;
  });
  return { cwd, loaded: await loadConfig(names, env, cwd) };
}

async function settings(texts: readonly string[], env: Record<string, string> = {}): Promise<Settings> {
  const { loaded } = await load(texts, env);
  return loaded.ok ? loaded.settings : assert.fail(JSON.stringify(loaded.problems, null, 1));
}

/** "line:column severity message | hint" of each finding. */
async function findings(texts: readonly string[], env: Record<string, string> = {}): Promise<string[]> {
  const { loaded } = await load(texts, env);
  const problems = loaded.ok ? loaded.warnings : loaded.problems;
  return problems.map(
    (p) => `${p.line}:${p.column} ${p.severity} ${p.message}${p.hint === undefined ? '' : ` | ${p.hint}`}`,
  );
}

const EXAMPLE = `# yaml-language-server: $schema=./lintel.schema.json
listen: [127.0.0.1:9091]
trusted_proxies: [127.0.0.1, 10.0.0.2]
portal: https://auth.example.com
storage: sqlite:./lintel.db
users: file:./users.yml
session: {idle: 1h, lifetime: 12h, remember_me: 30d}
domains: []
networks: {lan: [192.168.0.0/16]}

apps:
  grafana:
    url: https://grafana.example.com
    headers: remote
    access:
      - {paths: [/api/health], allow: everyone}
      - {allow: [group:admins], level: two_factor}
  wiki:
    url: https://wiki.example.com
    upstream: http://127.0.0.1:8080
    access: [{allow: signed_in}]
  intranet:
    url: https://*.intra.example.com
    access: [{methods: [GET, HEAD], allow: [group:staff, user:carol]}, {deny: everyone}]

policy:
  default: deny
  rules: [{hosts: ['*.example.com'], hosts_regex: [], subjects: [[group:dev, group:ops], [user:carol]], level: two_factor}]
endpoints: {}
`;

test('the example of the manual loads without a finding', async () => {
  const { loaded, cwd } = await load([EXAMPLE]);
  assert.ok(loaded.ok && loaded.warnings.length === 0, JSON.stringify(loaded));
  const s = loaded.settings;
  assert.deepEqual(s.listen, [{ kind: 'tcp', host: '127.0.0.1', port: 9091, tls: undefined, redirect: false }]);
  assert.equal(s.trustedProxies.networks.length, 2);
  assert.equal(s.portal?.origin, 'https://auth.example.com');
  assert.equal(s.portal?.url, 'https://auth.example.com/');
  assert.deepEqual(s.storage, { kind: 'sqlite', path: join(cwd, 'lintel.db') });
  assert.deepEqual(s.users, {
    kind: 'file',
    path: join(cwd, 'users.yml'),
    search: { email: false, caseInsensitive: false },
  });
  assert.deepEqual(s.session, { idleMs: 3_600_000, lifetimeMs: 43_200_000, rememberMs: 2_592_000_000 });
  assert.deepEqual(
    s.apps.map((a) => [a.name, a.title, a.upstream?.servers[0].port]),
    [
      ['grafana', 'grafana', undefined],
      ['wiki', 'wiki', 8080],
      ['intranet', 'intranet', undefined],
    ],
  );
  assert.deepEqual(s.apps[2]?.urls, [
    { scheme: 'https', host: { kind: 'wildcard', suffix: '.intra.example.com' }, port: 443 },
  ]);
  assert.deepEqual(s.apps[0]?.rules[0]?.outcome, { kind: 'everyone' });
  assert.equal(s.apps[0]?.rules[0]?.paths[0]?.test('/api/health/live'), true);
  assert.equal(s.apps[0]?.rules[0]?.paths[0]?.test('/api/healthy'), false);
  assert.deepEqual(s.apps[0]?.rules[1]?.place, { file: 'a.yml', line: 17, column: 9 });
  assert.equal(s.apps[0]?.rules[1]?.label, 'app grafana, rule 2');
  assert.deepEqual(s.apps[2]?.rules[0]?.subjects, [
    [{ kind: 'group', name: 'staff' }],
    [{ kind: 'user', name: 'carol' }],
  ]);
  assert.deepEqual(s.rules[0]?.subjects, [
    [
      { kind: 'group', name: 'dev' },
      { kind: 'group', name: 'ops' },
    ],
    [{ kind: 'user', name: 'carol' }],
  ]);
  assert.deepEqual(s.rules[0]?.outcome, { kind: 'signed-in', level: 'two_factor' });
  assert.deepEqual(s.defaultOutcome, { kind: 'deny' });
  assert.deepEqual(
    s.endpoints.map((e) => e.path),
    ['/api/authz/forward-auth', '/api/authz/auth-request', '/api/authz/ext-authz', '/api/verify'],
  );
  assert.deepEqual(s.metrics, { kind: 'tcp', host: '127.0.0.1', port: 9959, tls: undefined, redirect: false });
  assert.deepEqual(s.throttle, { maxRetries: 3, findTimeMs: 120_000, banTimeMs: 300_000 });
  assert.equal(s.basicCacheMs, 60_000);
  assert.deepEqual(s.watch, [join(cwd, 'a.yml')]);
});

test('an empty file is a gate that denies everything, and says so', async () => {
  const { loaded } = await load(['']);
  assert.ok(loaded.ok);
  assert.deepEqual(
    loaded.warnings.map((w) => w.message),
    ['Without rules and apps every request is denied.'],
  );
});

const APP = 'apps: {a: {url: https://a.x.org, access: [RULE]}}';
const rule = (text: string) => APP.replace('RULE', text);

/** One text each with what must be said about it: where, how grave, and in which words. */
const CASES: readonly [name: string, text: string, ...expected: RegExp[]][] = [
  ['unknown key', 'listn: x', /^1:1 error The key listn is unknown here\. \| Did you mean listen\?$/],
  ['unknown key far from all', 'zzzzzz: x', /^1:1 error The key zzzzzz is unknown here\. \| Known here: listen, tls,/],
  ['wrong type', 'listen: {a: 1}', /^1:9 error listen is an address or a list of addresses, not a map\.$/],
  [
    'wrong type in a list',
    'trusted_proxies: [127.0.0.1, [x]]',
    /^1:30 error trusted_proxies\[2\] is text, not a list\.$/,
  ],
  ['missing key', 'apps: {a: {title: x}}', /^1:8 error app a has no url\. \| Add url: an address such as/],
  ['bad word', 'log: {level: inf}', /^1:14 error log\.level is one of .* not the text "inf"\. \| Did you mean info\?$/],
  ['negative', 'throttle: {max_retries: -1}', /^1:25 error throttle\.max_retries is at least 0\.$/],
  ['repeated key', 'log: {}\nlog: {}', /^2:1 error The key log stands here twice\. The first one is in line 1\./],
  ['no YAML', 'a: [', /^1:5 error This is not valid YAML: /],
  [
    'a wildcard without quotes',
    'policy: {rules: [{hosts: [*.x.org], allow: everyone}]}',
    /^1:27 error To YAML \*\.x\.org is an alias, and no anchor &\.x\.org comes before it\. \| Put it in quotes: '\*\.x\.org'\.$/,
  ],
  ['a brace without quotes', 'listen: [{a}.x.org]', /^1:13 error This is not valid YAML: .* in quotes\.$/],
  ['two colons', 'portal: https://a.org: x', /^1:9 error This is not valid YAML: .* in quotes, and line up/],
  ['tab', 'apps:\n\ta: 1', /^2:1 error This is not valid YAML: /],
  ['unknown tag', 'portal: !secret https://x.org', /^1:9 error This is not valid YAML: unresolved tag/],
  ['no map', '- a', /^1:1 error A configuration is a map of keys\./],
  ["Authelia's file", 'access_control: {default_policy: deny}', /^1:1 error This is a configuration of Authelia\./],
  ["authentik's blueprint", 'version: 1\nentries: []', /^1:1 error This is a blueprint of authentik\./],
  [
    "authentik's name",
    'apps: {a: {url: https://a.x.org, access: [{allow: signed_in}], external_host: x}}',
    /The key external_host is unknown in app a\. \| Did you mean url\? Lintel's name for it\.$/,
  ],
  [
    "authentik's mode",
    'apps: {a: {url: https://a.x.org, access: [{allow: signed_in}], mode: proxy}}',
    /The key mode is unknown in app a\. \| Take it out: an app with/,
  ],
  [
    "authentik's Basic",
    'apps: {a: {url: https://a.x.org, access: [{allow: signed_in}], basic_auth_enabled: true}}',
    /The key basic_auth_enabled is unknown in app a\. \| Did you mean basic_auth: \{user_attribute, password_attribute\}\?$/,
  ],
  ['listen', 'listen: [foo:bar]', /^1:10 error foo:bar is not an address to listen on\./],
  ['listen port', 'listen: 127.0.0.1:70000', /^1:9 error 127\.0\.0\.1:70000 is not an address/],
  ['trusted everybody', 'trusted_proxies: [0.0.0.0/0]', /^1:19 error 0\.0\.0\.0\/0 trusts everybody/],
  ['trusted name', 'trusted_proxies: [proxy]', /^1:19 error proxy is not an address\./],
  ['portal', 'portal: auth.x.org', /^1:9 error auth\.x\.org is not an http or https address\./],
  ['portal path', 'portal: https://auth.x.org/a//b', /^1:9 error The path of .* is not a plain path/],
  ['portal in the clear', 'portal: http://auth.x.org', /^1:9 warning Passwords travel to auth\.x\.org in the clear\./],
  ['postgres', 'storage: postgres://x/y', /^1:10 error Storage in postgres does not exist yet\. \| Use sqlite:/],
  ['redis', 'storage: redis://x', /^1:10 error Storage in redis does not exist yet\./],
  ['storage', 'storage: lintel.db', /^1:10 error lintel\.db is not a storage\./],
  ['users', 'users: users.yml', /^1:8 error users\.yml is not a source of users\. \| Did you mean file:users\.yml\?/],
  ['users elsewhere', 'users: ldap://x', /^1:8 error .* \| Only files are supported so far/],
  ['duration', 'session: {idle: 5 minutes}', /^1:17 error 5 minutes is not a duration\./],
  ['no time', 'session: {idle: 0}', /^1:17 error 0 is no time at all\./],
  ['idle too long', 'session: {idle: 2d}', /^1:17 warning A session ends by lifetime before/],
  ["Authelia's word", 'session: {inactivity: 5m}', /^1:11 error .* \| Did you mean idle\?/],
  ['network', 'networks: {a: [1.2.3.4/33]}', /^1:16 error 1\.2\.3\.4\/33 is neither an address nor a range\./],
  ['network name', 'networks: {1.2.3.4: [1.2.3.4]}', /^1:\d+ error 1\.2\.3\.4 is an address, not a name\./],
  ['default', 'policy: {default: allow}', /^1:19 error policy\.default is one of deny, one_factor/],
  ['default bypass alone', 'policy: {default: bypass}', /^1:19 error Without rules and apps this lets everyone in/],
  ['cache too long', 'basic_cache: 1h', /^1:14 warning 1h is longer than a password may be remembered/],
  [
    'app name',
    'apps: {"a b": {url: https://a.x.org, access: [{allow: signed_in}]}}',
    /^1:\d+ error "a b" cannot be the name of an app/,
  ],
  ['app url', 'apps: {a: {url: a.x.org}}', /no access rules/, /^1:17 error a\.x\.org is not an http or https address/],
  [
    'app path',
    'apps: {a: {url: https://a.x.org/b}}',
    /no access rules/,
    /^1:17 error The url of an app is a whole host/,
  ],
  [
    'app user info',
    'apps: {a: {url: "https://u@a.x.org"}}',
    /no access rules/,
    /^1:17 error .* is not an http or https address/,
  ],
  [
    'a slip for access',
    'apps: {a: {url: https://a.x.org, acces: [{allow: signed_in}]}}',
    /^1:34 error The key acces is unknown in app a\. \| Did you mean access\?$/,
  ],
  [
    'access as a map',
    'apps: {a: {url: https://a.x.org, access: {allow: signed_in}}}',
    /^1:42 error app a, access is a list of rules, not a map\. \| Write access: \[\{allow: signed_in\}\]\.$/,
  ],
  [
    'a port alone',
    'listen: 9391',
    /^1:9 error listen is an address or a list of addresses, not 9391\. \| Write listen: 127\.0\.0\.1:9391, or listen: ":9391" for/,
  ],
  ['tabs', 'apps:\n\ta: {}', /^2:1 error This is not valid YAML: .* \| Indent with spaces: YAML takes no tab there\.$/],
  ['no rules', 'apps: {a: {url: https://a.x.org}}', /^1:11 warning app a has no access rules\./],
  [
    'upstream address',
    'apps: {a: {url: https://a.x.org, upstream: "http://b?c", access: [{deny: everyone}]}}',
    /^1:44 error http:\/\/b\?c is not an address of a server\./,
  ],
  [
    'upstream without an address',
    'apps: {a: {url: https://a.x.org, upstream: {timeout: 5s}, access: [{deny: everyone}]}}',
    /^1:44 error The upstream has no address\./,
  ],
  [
    'TLS of a plain upstream',
    'apps: {a: {url: https://a.x.org, upstream: {url: http://b, server_name: c}, access: [{deny: everyone}]}}',
    /^1:\d+ error server_name says how to speak TLS/,
  ],
  [
    'an authority that is not there',
    'apps: {a: {url: https://a.x.org, upstream: {url: https://b, ca: nowhere.pem}, access: [{deny: everyone}]}}',
    /^1:65 error nowhere\.pem cannot be read: ENOENT/,
  ],
  [
    'half a client certificate',
    'apps: {a: {url: https://a.x.org, upstream: {url: https://b, cert: c.pem}, access: [{deny: everyone}]}}',
    /^1:44 error A client certificate is two files\./,
  ],
  [
    'skipped verification',
    'apps: {a: {url: https://a.x.org, upstream: {url: https://b, dangerously_skip_verify: true}, access: [{deny: everyone}]}}',
    /^1:\d+ warning Any certificate is taken/,
  ],
  [
    'upstream timeout',
    'apps: {a: {url: https://a.x.org, upstream: {url: http://b, timeout: 0s}, access: [{deny: everyone}]}}',
    /^1:69 error 0s is not a time to wait\./,
  ],
  [
    'origin',
    'apps: {a: {url: https://a.x.org, origins: ["*"], access: [{deny: everyone}]}}',
    /^1:44 error \* is not an origin\./,
  ],
  [
    'profile',
    'apps: {a: {url: https://a.x.org, headers: remot, access: [{deny: everyone}]}}',
    /^1:43 error There is no profile named remot\. \| Did you mean remote\?/,
  ],
  [
    'header name',
    'apps: {a: {url: https://a.x.org, headers: {user: "a b"}, access: [{deny: everyone}]}}',
    /^1:50 error "a b" is not the name of a header/,
  ],
  ...['Connection', 'content_length', 'Cookie', 'Host', 'X-Forwarded-For', 'X.Forwarded.Host'].map(
    (h): [string, string, RegExp] => [
      `header ${h}`,
      `apps: {a: {url: https://a.x.org, headers: {user: ${h}}, access: [{deny: everyone}]}}`,
      /^1:50 error .* means something to proxies and servers/,
    ],
  ),
  [
    'header twice',
    'apps: {a: {url: https://a.x.org, headers: {user: X-A, name: x_a}, access: [{deny: everyone}]}}',
    /^1:61 error The header x_a is filled twice/,
  ],
  [
    'separator',
    'apps: {a: {url: https://a.x.org, headers: {user: {name: X, separator: ","}}, access: [{deny: everyone}]}}',
    /error Only groups and entitlements have a separator/,
  ],
  [
    'duplicate host',
    'apps:\n  a: {url: https://a.x.org, access: [{deny: everyone}]}\n  b: {url: "https://A.x.org:443/", access: [{deny: everyone}]}',
    /^3:12 error https:\/\/A\.x\.org:443\/ belongs to the app a\./,
  ],
  [
    'duplicate host by another spelling',
    'apps:\n  a: {url: https://bücher.x.org, access: [{deny: everyone}]}\n  b: {url: https://xn--bcher-kva.x.org, access: [{deny: everyone}]}',
    /^3:12 error .* belongs to the app a\./,
  ],
  [
    'the portal is an app',
    'portal: https://a.x.org\napps: {a: {url: https://a.x.org, access: [{deny: everyone}]}}',
    /^2:17 error a\.x\.org is the portal; the app a cannot have it too/,
  ],
  [
    'policy in a rule',
    rule('{policy: two_factor}'),
    /^1:44 error .* \| Did you mean allow: signed_in with level: two_factor\?/,
  ],
  ['subject in a rule', rule('{subject: user:a, allow: signed_in}'), /^1:44 error .* \| Did you mean subjects\?/],
  [
    'hosts in an app',
    rule('{hosts: [b.x.org], allow: signed_in}'),
    /^1:44 error .* \| The url of the app names its hosts/,
  ],
  [
    'domain in a rule',
    'policy: {rules: [{domain: a.x.org, policy: bypass}]}',
    /\| Did you mean hosts\?/,
    /\| Did you mean allow: everyone\?/,
  ],
  ['no outcome', rule('{paths: [/a]}'), /^1:43 error app a, rule 1 says neither allow nor deny\./],
  ['two outcomes', rule('{allow: signed_in, deny: everyone}'), /^1:43 error app a, rule 1 says both allow and deny\./],
  ['word', rule('{allow: signedin}'), /^1:51 error "signedin" is not a subject\. \| Did you mean signed_in\?/],
  [
    'word in a list',
    rule('{allow: [everyone]}'),
    /^1:52 error everyone stands in a list\. \| Write it alone, allow: everyone\./,
  ],
  ['bare name', rule('{allow: [alice]}'), /^1:52 error "alice" is not a subject\. \| Write user:NAME or group:NAME\./],
  ['empty list', rule('{allow: []}'), /^1:51 error .* has an empty list\./],
  ['empty methods', rule('{methods: [], allow: everyone}'), /^1:53 error .* has an empty list\./],
  ['empty subjects', rule('{subjects: [[]], allow: signed_in}'), /^1:54 error .* has an empty list\./],
  [
    'nothing',
    rule('{subjects: , allow: signed_in}'),
    /^1:\d+ error app a, rule 1, subjects is a subject .* not empty\./,
  ],
  [
    'level of everyone',
    rule('{allow: everyone, level: two_factor}'),
    /^1:68 error Everyone includes people who have not signed in/,
  ],
  ['level of deny', rule('{deny: everyone, level: two_factor}'), /^1:67 error A rule that denies has no level/],
  ['people twice', rule('{allow: [user:a], subjects: [user:b]}'), /^1:51 error People are named twice/],
  [
    'open subjects',
    rule('{allow: everyone, subjects: [user:a]}'),
    /^1:43 error .* lets everyone through and yet tests who it is, by subjects\./,
  ],
  [
    'open group in a path',
    rule('{allow: everyone, resources: ["^/(?P<user>[a-z]+)$"]}'),
    /yet tests who it is, by a regular expression/,
  ],
  [
    'open user host',
    'policy: {rules: [{hosts: ["{user}.x.org"], allow: everyone}]}',
    /^1:18 error .* by a \{user\} or \{group\} host\./,
  ],
  [
    'open group in a host',
    'policy: {rules: [{hosts_regex: ["^(?P<Group>[a-z]+)$"], allow: everyone}]}',
    /^1:18 error .* by a regular expression/,
  ],
  [
    'method',
    rule('{methods: [get, PROPFIND, FOO], allow: signed_in}'),
    /^1:54 error get is not a method .* \| Did you mean GET\?/,
    /^1:69 error FOO is not a method/,
  ],
  ['path', rule('{paths: api, allow: signed_in}'), /^1:51 error The path api does not begin with a slash/],
  ['path with dots', rule('{paths: /a/../b, allow: signed_in}'), /^1:51 error .* is not in its simplest form/],
  ['path with query', rule('{paths: /a?b, allow: signed_in}'), /^1:51 error The path \/a\?b has a "\?"/],
  ['path with escape', rule('{paths: /a%20b, allow: signed_in}'), /^1:51 error .* has a percent escape/],
  ['glob', rule('{paths: /a/b**, allow: signed_in}'), /^1:51 error In \/a\/b\*\*, \*\* stands beside other characters/],
  [
    'regex',
    rule("{paths_regex: '^/(?=a)', allow: signed_in}"),
    /^1:57 error .* is not a regular expression of RE2: invalid or unsupported Perl syntax/,
  ],
  [
    'loose regex',
    rule('{resources: [/admin], allow: signed_in}'),
    /^1:56 warning \/admin also matches in the middle .* \| Tie it down: \^\/admin/,
  ],
  [
    'loose host regex',
    'policy: {rules: [{hosts_regex: ["^a.x.org"], deny: everyone}]}',
    /^1:33 warning .* \| Tie it down: \^a\.x\.org\$/,
  ],
  [
    'operator',
    rule('{query: [[{operator: equals, key: a}]], allow: signed_in}'),
    /^1:64 error .* \| Did you mean equal\?/,
  ],
  [
    'operand missing',
    rule('{query: [[{operator: equal, key: a}]], allow: signed_in}'),
    /^1:53 error equal needs a value\./,
  ],
  [
    'operand too many',
    rule('{query: [[{operator: absent, key: a, value: b}]], allow: signed_in}'),
    /^1:87 error absent takes no value\./,
  ],
  [
    'operand type',
    rule('{query: [[{key: a, value: [b]}]], allow: signed_in}'),
    /^1:69 error app a, rule 1, query\[1\]\[1\]\.value is text, not a list\./,
  ],
  [
    'operand regex',
    rule("{query: [[{operator: pattern, key: a, value: '('}]], allow: signed_in}"),
    /^1:88 error \( is not a regular expression of RE2: missing closing \)/,
  ],
  [
    'unknown network',
    `networks: {lan: 10.0.0.0/8}\n${rule('{networks: [lam], allow: signed_in}')}`,
    /^2:55 error lam is neither .* \| Did you mean lan\?/,
  ],
  ['rule without host', 'policy: {rules: [{allow: signed_in}]}', /^1:18 error policy rule 1 names no host\./],
  [
    'host with scheme',
    'policy: {rules: [{hosts: [https://a.x.org], allow: signed_in}]}',
    /^1:27 error "https:\/\/a\.x\.org" is not a host\./,
  ],
  [
    'shadowed',
    rule('{allow: signed_in}, {paths: [/a], deny: everyone}'),
    /^1:63 warning app a, rule 2 never applies: app a, rule 1 \(line 1\) decides first\./,
  ],
  [
    'shadowed by a bypass',
    rule('{paths: [/a], allow: everyone}, {paths: [/a/b], methods: [GET], allow: [group:x]}'),
    /^1:75 error app a, rule 2 never applies: app a, rule 1 \(line 1\) lets everyone through first\./,
  ],
  [
    'shadowed by policy',
    `${rule('{allow: [user:a]}')}\npolicy: {rules: [{hosts: ["*.x.org"], allow: everyone}]}`,
    /^1:43 error app a, rule 1 never applies: policy rule 1 \(line 2\)/,
  ],
  [
    'portal outside',
    'portal: https://auth.y.org\ndomains: [{domain: x.org}]',
    /^2:11 error The portal auth\.y\.org lies outside the domain x\.org/,
    /replay/,
  ],
  [
    'own portal outside',
    'domains: [{domain: x.org, portal: https://auth.y.org}]',
    /^1:11 warning .*replay/,
    /^1:35 error The portal auth\.y\.org lies outside the domain x\.org/,
  ],
  [
    'no portal',
    'domains: [{domain: x.org}]',
    /^1:11 warning Nobody can sign in for x\.org\. \| Add portal: https:\/\/auth\.x\.org\./,
    /^1:11 warning Each app below x\.org .* can replay it/,
  ],
  [
    'nested domains',
    'portal: https://p.a.x.org\ndomains: [{domain: x.org}, {domain: a.x.org}]',
    /replay/,
    /replay/,
    /^2:37 error a\.x\.org and x\.org overlap/,
  ],
  [
    'single label',
    'domains: [{domain: localhost}]',
    /^1:20 error No browser takes a cookie for the whole of localhost/,
  ],
  [
    'public suffix',
    'portal: https://a.co.uk\ndomains: [{domain: co.uk}]\napps: {a: {url: https://b.co.uk, access: [{deny: everyone}]}}',
    /replay/,
    /^2:20 warning co\.uk looks like a public suffix/,
  ],
  ['domain', 'domains: [{domain: "*.x.org"}]', /^1:20 error "\*\.x\.org" is not a domain/],
  [
    'cookie name',
    'portal: https://p.x.org\ndomains: [{domain: x.org, cookie: "a b"}]',
    /replay/,
    /^2:35 error "a b" is not the name of a cookie/,
  ],
  [
    'cookie clash',
    'portal: https://p.x.org\ndomains: [{domain: x.org, cookie: lintel-app}]',
    /replay/,
    /^2:35 error lintel-app is the name of another cookie/,
  ],
  [
    'cookie prefix',
    'portal: https://p.x.org\ndomains: [{domain: x.org, cookie: __Host-x}]',
    /replay/,
    /^2:35 error Browsers refuse a __Host- cookie/,
  ],
  [
    'trusted network',
    `trusted_proxies: [10.0.0.2]\n${rule('{networks: [10.0.0.0/8], allow: everyone}')}`,
    /^2:43 warning app a, rule 1 tests a network that holds a trusted proxy/,
  ],
  [
    'host outside',
    `${rule('{allow: signed_in}')}\npolicy: {rules: [{hosts: [b.x.org], deny: everyone}]}`,
    /^2:18 warning policy rule 1 names b\.x\.org, which is no app's host and in no domain/,
  ],
  ['endpoint name', 'endpoints: {"a b": {implementation: Legacy}}', /error "a b" cannot be the name of an endpoint/],
  [
    'endpoint prefix',
    'endpoints: {a: {implementation: ExtAuthz}, a/b: {implementation: ForwardAuth}}',
    /^1:49 error a answers for everything below itself, a\/b included\./,
  ],
  ['implementation', 'endpoints: {a: {implementation: forwardauth}}', /^1:33 error .* \| Did you mean ForwardAuth\?/],
  [
    'strategy',
    'endpoints: {a: {implementation: Legacy, authn_strategies: [{name: Cookie}]}}',
    /^1:67 error endpoints\.a\.authn_strategies\[1\]\.name is one of/,
  ],
  [
    'scheme',
    'endpoints: {a: {implementation: Legacy, authn_strategies: [{name: HeaderLegacy, schemes: [digest]}]}}',
    /error digest is not a scheme/,
  ],
  ['environment', 'portal: https://${env:NOT_THERE}/', /^1:9 error The environment variable NOT_THERE is not set\./],
  ['file', 'portal: ${file:not-there}', /^1:9 error The file .*not-there cannot be read\./],
];

for (const [name, text, ...expected] of CASES) {
  test(`finding: ${name}`, async () => {
    const found = (await findings([text])).filter((f) => !/warning Without rules and apps/.test(f));
    for (const e of expected)
      assert.ok(
        found.some((f) => e.test(f)),
        `${e} is not in ${JSON.stringify(found, null, 1)}`,
      );
    assert.equal(found.length, expected.length, JSON.stringify(found, null, 1));
  });
}

test('everything at once, in the order of the file', async () => {
  const found = await findings([
    `listn: [127.0.0.1:9091]
portal: https://auth.other.org
domains: [{domain: x.org}]
apps:
  a:
    url: https://a.x.org
    titel: A
    access:
      - {allow: everyone}
      - {paths: [/admin], allow: [group:admins]}
      - {methods: GET, alow: signed_in}
  b:
    url: [https://a.x.org, 5]
    access: [{deny: everyone}]
policy:
  rules:
    - {hosts: [a.x.org], subject: user:x, allow: signed_in}
    - {hosts: [a.x.org], paths: [/x], allow: signed_in}
    - {hosts: [a.x.org], paths: [/x/y], deny: everyone}
`,
  ]);
  assert.deepEqual(
    found.map((f) => f.split(' ').slice(0, 2).join(' ')),
    [
      '1:1 error',
      '3:11 error',
      '3:11 warning',
      '7:5 error',
      '10:9 error',
      '11:24 error',
      '13:11 error',
      '13:28 error',
      '17:26 error',
      '19:7 warning',
    ],
  );
});

test('a rule with something unreadable in it is not taken for a wider one', async () => {
  const found = await findings([rule('{methods: 5, allow: everyone}, {allow: signed_in}')]);
  assert.equal(found.length, 1, JSON.stringify(found));
});

test('files merge: maps key by key, lists whole, later wins', async () => {
  const s = await settings([
    'listen: [127.0.0.1:1]\nlog: {level: debug}\nnetworks: {a: 10.0.0.0/8}\napps: {w: {url: https://w.x.org, title: W, access: [{allow: signed_in}, {deny: everyone, paths: /x}]}}',
    'listen: [127.0.0.1:2, 127.0.0.1:3]\nlog: {format: json}\nnetworks: {b: 172.16.0.0/12}\napps: {w: {access: [{deny: everyone}]}, v: {url: https://v.x.org, access: [{allow: signed_in}]}}',
  ]);
  assert.deepEqual(
    s.listen.map((l) => (l.kind === 'tcp' ? l.port : 0)),
    [2, 3],
  );
  assert.deepEqual(s.log, { level: 'debug', format: 'json' });
  assert.deepEqual([...s.networks.keys()], ['a', 'b']);
  assert.deepEqual(
    s.apps.map((a) => [a.name, a.title, a.rules.length]),
    [
      ['w', 'W', 1],
      ['v', 'v', 1],
    ],
  );
  assert.equal(s.apps[0]?.rules[0]?.place.file, 'b.yml');
});

test('problems name the file they are in', async () => {
  const { loaded } = await load(['portal: https://p.x.org', 'log: {level: x}']);
  assert.deepEqual(
    !loaded.ok && loaded.problems.filter((p) => p.severity === 'error').map((p) => [p.file, p.line, p.column]),
    [['b.yml', 1, 14]],
  );
});

test('a missing file is a problem, not a crash', async () => {
  const loaded = await loadConfig(['nowhere.yml'], {}, directory);
  assert.deepEqual(!loaded.ok && loaded.problems.map((p) => p.message), ['The file nowhere.yml does not exist.']);
});

test('paths count from the file they are written in', async () => {
  const cwd = mkdtempSync(join(directory, 'y'));
  const { mkdirSync } = await import('node:fs');
  mkdirSync(join(cwd, 'etc'));
  writeFileSync(
    join(cwd, 'etc', 'l.yml'),
    'users: file:u.yml\nstorage: sqlite:/var/l.db\nlisten: [unix:l.sock, https://0.0.0.0]',
  );
  const loaded = await loadConfig(['etc/l.yml'], {}, cwd);
  assert.ok(loaded.ok);
  assert.equal(loaded.settings.users?.path, join(cwd, 'etc', 'u.yml'));
  assert.deepEqual(loaded.settings.storage, { kind: 'sqlite', path: '/var/l.db' });
  assert.deepEqual(loaded.settings.listen, [
    { kind: 'unix', path: join(cwd, 'etc', 'l.sock') },
    { kind: 'tcp', host: '0.0.0.0', port: 443, tls: [], redirect: false },
  ]);
  assert.deepEqual(loaded.settings.watch, [join(cwd, 'etc', 'l.yml')]);
});

test('anchors, aliases and merge keys', async () => {
  const s = await settings([
    `apps:
  a: &base {url: https://a.x.org, headers: {user: X-User}, access: &rules [{allow: signed_in}]}
  b: {<<: *base, url: https://b.x.org}
  c: {url: https://c.x.org, access: *rules}`,
  ]);
  assert.deepEqual(
    s.apps.map((a) => [a.urls[0]?.host, a.profile?.headers.length, a.rules.length]),
    [
      [{ kind: 'exact', host: 'a.x.org' }, 1, 1],
      [{ kind: 'exact', host: 'b.x.org' }, 1, 1],
      [{ kind: 'exact', host: 'c.x.org' }, undefined, 1],
    ],
  );
});

test('aliases of aliases end in a message, not in the memory', async () => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 12; i++) {
    const [from, to] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)];
    bomb.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(',')}]`);
  }
  const found = await findings([bomb.join('\n')]);
  assert.ok(found.some((f) => /nests too deep or repeats too much/.test(f)));
  assert.ok((await findings(['apps: &a {b: *a}'])).length > 0);
});

test('names outside ASCII are converted once, here', async () => {
  const s = await settings([
    'apps: {a: {url: ["https://Bücher.x.org", "https://*.straße.de:8443"], access: [{allow: signed_in}]}}',
  ]);
  assert.deepEqual(s.apps[0]?.urls, [
    { scheme: 'https', host: { kind: 'exact', host: 'xn--bcher-kva.x.org' }, port: 443 },
    { scheme: 'https', host: { kind: 'wildcard', suffix: '.xn--strae-oqa.de' }, port: 8443 },
  ]);
});

test('rules: all conditions of the manual', async () => {
  const s = await settings([
    `networks: {lan: [10.0.0.0/8, fd00::/8]}
policy:
  default: two_factor
  rules:
    - hosts: [a.x.org, '*.y.org', '{user}.z.org', '{group}.z.org']
      hosts_regex: '^(?P<User>[a-z]+)\\.w\\.org$'
      paths: [/api, '/public/**']
      paths_regex: '^/v[0-9]+/'
      resources: ['^/x\\?y=1$']
      methods: [GET, PROPFIND]
      query: [[{key: a}, {key: b, value: 1}], [{operator: not pattern, key: c, value: '^x$'}]]
      networks: [lan, 192.0.2.1]
      subjects: [user:a, [group:b, group:c], 'oauth2:client:d']
      level: two_factor
    - {hosts: b.x.org, deny: [group:guests]}
    - {hosts: b.x.org, allow: group:staff}
    - {hosts: c.x.org, level: one_factor}
`,
  ]);
  const [r, denied, single, level] = s.rules;
  assert.deepEqual(s.defaultOutcome, { kind: 'signed-in', level: 'two_factor' });
  assert.deepEqual(
    r?.hosts.map((h) => h.kind),
    ['exact', 'wildcard', 'user', 'group', 'regex'],
  );
  assert.deepEqual(
    r?.paths.map((p) => p.source),
    ['/api', '/public/**'],
  );
  assert.equal(r?.pathRegexes[0]?.test('/v1/x'), true);
  assert.equal(r?.resources[0]?.test('/x?y=1'), true);
  assert.deepEqual(r?.methods, ['GET', 'PROPFIND']);
  assert.deepEqual(r?.query[0], [
    { operator: 'present', key: 'a' },
    { operator: 'equal', key: 'b', value: '1' },
  ]);
  assert.equal(r?.query[1]?.[0]?.operator, 'not pattern');
  assert.equal(r?.networks.length, 3);
  assert.deepEqual(r?.subjects, [
    [{ kind: 'user', name: 'a' }],
    [
      { kind: 'group', name: 'b' },
      { kind: 'group', name: 'c' },
    ],
    [{ kind: 'client', id: 'd' }],
  ]);
  assert.deepEqual([denied?.outcome, denied?.subjects], [{ kind: 'deny' }, [[{ kind: 'group', name: 'guests' }]]]);
  assert.deepEqual(single?.subjects, [[{ kind: 'group', name: 'staff' }]]);
  assert.deepEqual([level?.outcome, level?.subjects], [{ kind: 'signed-in', level: 'one_factor' }, []]);
});

test('endpoints: an own map replaces the defaults; strategies and their fallback', async () => {
  const s = await settings([
    `basic_cache: off
endpoints:
  legacy: {implementation: Legacy}
  team/nginx: {implementation: AuthRequest}
  caddy: {implementation: ForwardAuth, authn_strategies: [{name: CookieSession}, {name: HeaderAuthorization, schemes: [Basic, bearer], scheme_basic_cache_lifespan: 30}]}
  envoy: {implementation: ExtAuthz}`,
  ]);
  assert.deepEqual(s.endpoints, [
    {
      name: 'legacy',
      path: '/api/verify',
      implementation: 'Legacy',
      strategies: [{ kind: 'HeaderLegacy', schemes: ['basic'], basicCacheMs: 0 }, { kind: 'CookieSession' }],
    },
    {
      name: 'team/nginx',
      path: '/api/authz/team/nginx',
      implementation: 'AuthRequest',
      strategies: [
        { kind: 'HeaderAuthRequestProxyAuthorization', schemes: ['basic'], basicCacheMs: 0 },
        { kind: 'CookieSession' },
      ],
    },
    {
      name: 'caddy',
      path: '/api/authz/caddy',
      implementation: 'ForwardAuth',
      strategies: [
        { kind: 'CookieSession' },
        { kind: 'HeaderAuthorization', schemes: ['basic', 'bearer'], basicCacheMs: 30_000 },
      ],
    },
    {
      name: 'envoy',
      path: '/api/authz/envoy',
      implementation: 'ExtAuthz',
      strategies: [
        { kind: 'HeaderProxyAuthorization', schemes: ['basic'], basicCacheMs: 0 },
        { kind: 'CookieSession' },
      ],
    },
  ]);
});

test('domains take the portal of the whole, or their own', async () => {
  const s = await settings([
    'portal: https://auth.x.org/sso/\ndomains: [{domain: x.org}, {domain: y.org, portal: "https://login.y.org:8443/?a=b", cookie: authelia_session, default_redirect: https://www.y.org}]',
  ]);
  assert.deepEqual(
    s.domains.map(({ place, ...d }) => d),
    [
      { domain: 'x.org', cookie: 'lintel-gate', defaultRedirect: undefined, portal: s.portal },
      {
        domain: 'y.org',
        cookie: 'authelia_session',
        defaultRedirect: 'https://www.y.org/',
        portal: {
          scheme: 'https',
          host: 'login.y.org',
          port: 8443,
          basePath: '',
          origin: 'https://login.y.org:8443',
          url: 'https://login.y.org:8443/?a=b',
        },
      },
    ],
  );
  assert.equal(s.portal?.basePath, '/sso');
  assert.equal(s.portal?.url, 'https://auth.x.org/sso/');
});

test('values from the environment and from files', async () => {
  const cwd = mkdtempSync(join(directory, 'z'));
  writeFileSync(join(cwd, 'host'), 'auth.x.org\n');
  writeFileSync(join(cwd, 'level'), 'debug\n');
  writeFileSync(
    join(cwd, 'l.yml'),
    'portal: https://${file:host}/${env:BASE}\nthrottle: {max_retries: "${env:TRIES}"}\nusers: {file: u.yml, search_email: "${env:BY_MAIL}"}\napps: {my-wiki: {url: https://w.x.org, title: "$${env:X}", access: [{allow: signed_in}]}}',
  );
  const env = {
    BASE: 'sso',
    TRIES: '7',
    BY_MAIL: 'true',
    LINTEL_SESSION_IDLE: '5m',
    LINTEL_LOG_LEVEL_FILE: 'level',
    LINTEL_LISTEN: '127.0.0.1:1, 127.0.0.1:2',
    LINTEL_USERS_FILE: 'other.yml',
    LINTEL_APPS_MY_WIKI_UPSTREAM: 'http://127.0.0.1:80',
    LINTEL_THROTTLE_FIND_TIME: '90',
  };
  const loaded = await loadConfig(['l.yml'], env, cwd);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const s = loaded.settings;
  assert.equal(s.portal?.url, 'https://auth.x.org/sso');
  assert.deepEqual(s.throttle, { maxRetries: 7, findTimeMs: 90_000, banTimeMs: 300_000 });
  assert.deepEqual(s.users, {
    kind: 'file',
    path: join(cwd, 'other.yml'),
    search: { email: true, caseInsensitive: false },
  });
  assert.equal(s.session.idleMs, 300_000);
  assert.equal(s.log.level, 'debug');
  assert.deepEqual(
    s.listen.map((l) => (l.kind === 'tcp' ? l.port : 0)),
    [1, 2],
  );
  assert.equal(s.apps[0]?.title, '${env:X}');
  assert.equal(s.apps[0]?.upstream?.text, '127.0.0.1:80');
  assert.deepEqual(
    s.watch.toSorted(),
    ['host', 'l.yml', 'level'].map((f) => join(cwd, f)),
  );
});

test('a wrong variable is named, an unknown one gets a hint', async () => {
  const { loaded } = await load([EXAMPLE], { LINTEL_LOG_LEVEL: 'loud', LINTEL_SESION_IDLE: '1h', LINTEL_CONFIG: 'x' });
  assert.deepEqual(!loaded.ok && loaded.problems.map((p) => [p.file, p.severity, p.hint]).toSorted(), [
    ['LINTEL_LOG_LEVEL', 'error', undefined],
    ['LINTEL_SESION_IDLE', 'warning', 'Did you mean LINTEL_SESSION_IDLE?'],
  ]);
});

test('a message never quotes what came from a file', async () => {
  const cwd = mkdtempSync(join(directory, 's'));
  writeFileSync(join(cwd, 'secret'), 'correct-horse');
  writeFileSync(join(cwd, 'l.yml'), 'portal: ${file:secret}');
  const loaded = await loadConfig(['l.yml'], {}, cwd);
  assert.ok(!loaded.ok && loaded.problems.length > 0);
  assert.doesNotMatch(JSON.stringify(loaded), /horse/);
});

test('where Envoy asks over gRPC', async () => {
  const tcp = (tls?: readonly object[]) => ({ kind: 'tcp', host: '127.0.0.1', port: 9092, tls, redirect: false });
  assert.equal((await settings([''])).grpc, undefined);
  assert.equal((await settings(['grpc: off'])).grpc, undefined);
  assert.deepEqual((await settings(['grpc: 127.0.0.1:9092'])).grpc, tcp());
  assert.deepEqual((await settings(['grpc: {address: 127.0.0.1:9092}'])).grpc, tcp());
  assert.deepEqual((await settings(['grpc: unix:/run/g.sock'])).grpc, { kind: 'unix', path: '/run/g.sock' });
  const own = await settings(['grpc: https://127.0.0.1:9092']);
  assert.deepEqual(own.grpc, tcp([]));
  assert.ok(own.selfSigned, 'Lintel makes the certificate that is lacking');
  const { loaded } = await load(['grpc: {address: https://127.0.0.1:9092, tls: {cert: c.pem, key: k.pem}}']);
  assert.ok(!loaded.ok);
  assert.match(loaded.problems[0]?.message ?? '', /c\.pem cannot be read/);
});

test('off', async () => {
  const s = await settings(['metrics: off\nbasic_cache: off\nsession: {remember_me: off}\nendpoints:\napps:\n']);
  assert.equal(s.metrics, undefined);
  assert.equal(s.basicCacheMs, 0);
  assert.equal(s.session.rememberMs, 0);
  assert.equal(s.endpoints.length, 4);
});

test('keys that mean something to JavaScript mean nothing here', async () => {
  const found = await findings([
    '__proto__: {listen: x}\nconstructor: 1\napps: {__proto__: {url: https://a.x.org, access: [{deny: everyone}]}}',
  ]);
  assert.equal(found.filter((f) => /is unknown here/.test(f)).length, 2);
});

test('a thousand apps load in no time', async () => {
  const apps = Array.from(
    { length: 1000 },
    (_, i) => `  a${i}: {url: https://a${i}.x.org, access: [{paths: /p, allow: everyone}, {allow: [group:g${i}]}]}`,
  );
  // The time of this process alone: what else the machine does is not counted.
  const start = process.cpuUsage();
  const s = await settings([`apps:\n${apps.join('\n')}`]);
  const { user, system } = process.cpuUsage(start);
  assert.equal(s.apps.length, 1000);
  assert.ok((user + system) / 1000 < 3000, `${(user + system) / 1000} ms`);
});

test('one slip in YAML is told once, and so is a wildcard without quotes', async () => {
  const slip = 'apps:\n  a:\n    x: [g for g in [1]][0]}}\n    access: [{allow: signed_in}]\n';
  assert.equal((await findings([slip])).length, 1);
  assert.equal((await findings(['policy: {rules: [{hosts: [*.x.org], allow: everyone}]}'])).length, 1);
});
