import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keptIo } from '../../test/cli/io.ts';
import { loadConfig } from '../config/load.ts';
import { config } from './config.ts';

const directory = mkdtempSync(join(tmpdir(), 'lintel-config-cli-'));

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}

/** Runs the command as in `directory`, so that places are short. */
async function run(args: readonly string[], env: Record<string, string> = {}, colour = false) {
  const io = keptIo({ env, colour });
  const code = await config.run(args, io);
  const short = (text: string) => text.replaceAll(`${directory}/`, '');
  return { code, out: short(io.said), err: short(io.complained) };
}

const GOOD = file(
  'lintel.yml',
  `portal: https://auth.x.org
trusted_proxies: [127.0.0.1, unix]
storage: \${file:storage.txt}
session: {idle: 5m}
apps:
  wiki:
    url: [https://wiki.x.org, https://*.wiki.x.org]
    headers: {user: X-User, groups: {name: X-Groups, separator: "|"}}
    access:
      - {methods: [GET], paths: /public, allow: everyone}
      - {query: [[{key: a, value: 1}]], allow: [user:alice, group:staff]}
`,
);
file('storage.txt', 'memory:\n');

test('print shows what is in force and where it comes from', async () => {
  const { code, out } = await run(['print', '--config', GOOD], { LINTEL_LOG_LEVEL: 'debug' });
  assert.equal(code, 0);
  assert.equal(
    out,
    `listen: [127.0.0.1:9091]                             # default
trusted_proxies: [127.0.0.1, unix]                   # lintel.yml:2
portal: https://auth.x.org                           # lintel.yml:1
storage: "********"                                  # lintel.yml:3
session:
  idle: 5m                                           # lintel.yml:4
  lifetime: 12h                                      # default
  remember_me: 30d                                   # default
domains: []                                          # default
networks: {}                                         # default
apps:
  wiki:
    url: [https://wiki.x.org, https://*.wiki.x.org]  # lintel.yml:7
    headers:
      user: X-User                                   # lintel.yml:8
      groups:
        name: X-Groups                               # lintel.yml:8
        separator: "|"                               # lintel.yml:8
    access:
      - methods: [GET]                               # lintel.yml:10
        paths: /public                               # lintel.yml:10
        allow: everyone                              # lintel.yml:10
      - query: [[{key: a, value: 1}]]                # lintel.yml:11
        allow: [user:alice, group:staff]             # lintel.yml:11
policy:
  default: deny                                      # default
  rules: []                                          # default
endpoints: {}                                        # default
grpc: off                                            # default
metrics: 127.0.0.1:9959                              # default
log:
  level: debug                                       # LINTEL_LOG_LEVEL
  format: auto                                       # default
basic_cache: 60s                                     # default
throttle:
  max_retries: 3                                     # default
  find_time: 2m                                      # default
  ban_time: 5m                                       # default
assertion:
  algorithm: ES256                                   # default
  lifetime: 60s                                      # default
  rotate: 30d                                        # default
outpost: lintel                                      # default
additional_headers: []                               # default
upstream_timeout: 60s                                # default
`,
  );
});

test('what print shows loads again to the same', async () => {
  const { out } = await run(['print', '--config', GOOD]);
  const again = file('again.yml', out.replace('"********"', '"memory:"'));
  const [first, second] = [await loadConfig([GOOD], {}), await loadConfig([again], {})];
  assert.ok(first.ok && second.ok, JSON.stringify(second));
  const plain = (s: typeof first) =>
    JSON.stringify(s.ok && { ...s.settings, watch: [] }).replace(/"place":\{[^}]*\}/g, '');
  assert.equal(plain(second), plain(first));
});

test('print for machines: values and origins by JSON Pointer', async () => {
  const { code, out } = await run(['print', '--json', '--config', GOOD], { LINTEL_APPS_WIKI_TITLE: 'The wiki' });
  const printed = JSON.parse(out);
  assert.equal(code, 0);
  assert.equal(printed.config.storage, '********');
  assert.equal(printed.config.apps.wiki.title, 'The wiki');
  assert.equal(printed.origins['/apps/wiki/title'], 'LINTEL_APPS_WIKI_TITLE');
  assert.equal(printed.origins['/apps/wiki/access/1/allow/0'], 'lintel.yml:11');
  assert.equal(printed.origins['/session/lifetime'], 'default');
});

const HASH = '$argon2id$v=19$m=65536,t=3,p=4$4Pr94A1ENiunAuM8bxBaNQ$DSp4cN4KuI7CUcmEaMJdTj17LYXj9kG/yUdlDjaG1XU';
file('users.yml', `users:\n  alice:\n    displayname: Alice\n    groups: [staff]\n    password: ${HASH}\n`);
const USED = file('used.yml', 'users: file:./users.yml\n');

test('check: good', async () => {
  const { code, out } = await run(['check', '--config', GOOD, '--config', USED]);
  assert.equal(code, 0);
  assert.equal(out, 'Good: 1 app, 2 rules.\nRun it with lintel serve --config lintel.yml --config used.yml\n');
});

test('check: what to type next can be pasted', async () => {
  const odd = file("o'dd name.yml", 'users: file:./users.yml\n');
  const env = { INVOKED_LINTEL_AS: './bin/lintel' };
  const { out } = await run(['check', '--config', GOOD, '--config', odd], env);
  assert.ok(out.endsWith(`\nRun it with ./bin/lintel serve --config lintel.yml --config 'o'\\''dd name.yml'\n`), out);
  const root = join(import.meta.dirname, '..', '..');
  const inCheckout = { cwd: root, encoding: 'utf8', env: { PATH: process.env.PATH } } as const;
  const seen = spawnSync('bin/lintel', ['config', 'check', '--config', GOOD, '--config', USED], inCheckout);
  assert.match(seen.stdout, /^Run it with \.\/bin\/lintel serve --config /m);
  const elsewhere = spawnSync(join(root, 'bin/lintel'), ['config', 'check', '--config', GOOD, '--config', USED], {
    ...inCheckout,
    cwd: directory,
  });
  assert.ok(elsewhere.stdout.includes(`\nRun it with ${join(root, 'bin/lintel')} serve --config `), elsewhere.stdout);
  mkdirSync(join(directory, 'onpath'));
  symlinkSync(join(root, 'bin/lintel'), join(directory, 'onpath', 'lintel'));
  const onPath = spawnSync('lintel', ['config', 'check', '--config', GOOD, '--config', USED], {
    ...inCheckout,
    cwd: directory,
    env: { PATH: `${join(directory, 'onpath')}:${process.env.PATH}` },
  });
  assert.match(onPath.stdout, /^Run it with lintel serve --config /m);
  // Whose folder is in PATH has two programs called node there, of which one is a script that asks for node.
  const path = `${join(root, 'bin')}:${process.env.PATH}`;
  const within = spawnSync('lintel', ['--version'], { ...inCheckout, env: { PATH: path }, timeout: 60_000 });
  assert.match(within.stdout, /^lintel \d/);
});

test('check: a command in a hint names the files too', async () => {
  const lost = file('lost-names.yml', 'users: file:./lost-users.yml\n');
  const { out } = await run(['check', `--config=${GOOD}`, '--config', lost], { INVOKED_LINTEL_AS: './bin/lintel' });
  assert.match(out, /\n {2}Run "\.\/bin\/lintel users add NAME --file \S*lost-users\.yml"/);
  const nobody = await run(['check', '--config', GOOD], { INVOKED_LINTEL_AS: './bin/lintel' });
  assert.match(nobody.out, /and run "\.\/bin\/lintel users add NAME --config \S*lintel\.yml" for each account\.\n/);
});

test('check: sound, but nobody could sign in', async () => {
  const { code, out } = await run(['check', '--config', GOOD]);
  assert.equal(code, 0);
  assert.match(
    out,
    /^lintel\.yml:11:9 warning\n {2}app wiki, rule 2 asks people to sign in, but nobody has an account\.\n/,
  );
  assert.match(out, /^Nobody can sign in: 1 app, 2 rules, 1 warning\.\n/m);
  const doorless = file('doorless.yml', 'apps: {wiki: {url: https://wiki.x.org, access: [{allow: signed_in}]}}\n');
  const second = await run(['check', '--config', doorless, '--config', USED]);
  assert.match(second.out, /^Nobody can sign in with a browser: 1 app, 1 rule, \d warnings\.\n/m);
});

test('check: the user file counts, because a start ends on its errors', async () => {
  const lost = file('lost.yml', 'users: file:./lost-users.yml\n');
  const { code, out } = await run(['check', '--config', GOOD, '--config', lost]);
  assert.equal(code, 2);
  assert.match(
    out,
    /^lost-users\.yml:1:1 error\n {2}There is no user file lost-users\.yml\.\n {2}Run "lintel users add/,
  );
});

const BAD = file('bad.yml', 'listn: x\napps: {a: {url: https://a.x.org}}\n');

test('check: every problem, where, why and what to do', async () => {
  const { code, out } = await run(['check', '--config', BAD], { LINTEL_LOG_LEVL: 'x' });
  assert.equal(code, 2);
  assert.equal(
    out,
    `bad.yml:1:1 error
  The key listn is unknown here.
  Did you mean listen?

bad.yml:2:11 warning
  app a has no access rules.
  Add access: [{allow: signed_in}], unless policy.rules covers it.

LINTEL_LOG_LEVL warning
  LINTEL_LOG_LEVL is no key of the configuration.
  Did you mean LINTEL_LOG_LEVEL?

1 error and 2 warnings.
`,
  );
});

test('check for machines', async () => {
  const { code, out } = await run(['check', '--json', '--config', BAD]);
  const checked = JSON.parse(out);
  assert.equal(code, 2);
  assert.equal(checked.ok, false);
  assert.deepEqual(checked.problems[0], {
    file: 'bad.yml',
    line: 1,
    column: 1,
    severity: 'error',
    message: 'The key listn is unknown here.',
    hint: 'Did you mean listen?',
  });
});

test('check: a warning counts only where it is asked to', async () => {
  const doubtful = file('doubtful.yml', 'apps: {a: {url: https://a.x.org}}');
  assert.equal((await run(['check', '--config', doubtful])).code, 0);
  assert.equal((await run(['check', '--strict', '--config', doubtful])).code, 1);
});

test('print of a broken configuration is a list of what is broken', async () => {
  const { code, out, err } = await run(['print', '--config', BAD]);
  assert.equal(code, 2);
  assert.equal(out, '');
  assert.match(err, /bad\.yml:1:1 error[\s\S]*not in force: 1 error and 1 warning\.\n$/);
});

test('schema is JSON Schema that knows the keys', async () => {
  const { code, out } = await run(['schema']);
  const schema = JSON.parse(out);
  assert.equal(code, 0);
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  assert.equal(schema.additionalProperties, false);
  assert.equal(typeof schema.properties.apps.additionalProperties.properties.url.description, 'string');
});

test('text from a file cannot act on the terminal', async () => {
  const evil = file('evil.yml', 'portal: "\\e[2Jx"');
  const { out } = await run(['check', '--config', evil]);
  assert.ok(!out.includes('\u001b') && out.includes('\\u001b'));
});

test('colour only where there is a terminal', async () => {
  assert.ok((await run(['check', '--config', BAD], {}, true)).out.includes('\u001b['));
  assert.ok(!(await run(['check', '--config', BAD])).out.includes('\u001b['));
});

for (const [args, says] of [
  [[], /say check, print or schema/],
  [['chek', '--config', 'x'], /Did you mean check/],
  [['check'], /name a file with --config/],
  [['check', 'lintel.yml'], /one word too many/],
] as const) {
  test(`usage: config ${args.join(' ')}`, async () => {
    const { code, err } = await run(args);
    assert.equal(code, 2);
    assert.match(err, says);
  });
}

test('check names the place of a broken expression in the file and in itself, and the CEL for it', async () => {
  const mapping = `return {"ak_proxy": {
          "backend_override": "http://a" if "ops" in [g.name for g in user.ak_groups.all()] else "http://b"
        }}`;
  const broken = file(
    'expression.yml',
    `portal: https://auth.x.org
apps:
  lab:
    url: https://lab.x.org
    upstream: http://127.0.0.1:8080
    access: [{allow: signed_in}]
    mappings:
      - |
        ${mapping}
`,
  );
  const { code, out } = await run(['check', '--config', broken]);
  assert.equal(code, 2);
  assert.match(
    out,
    /^expression\.yml:8:9 error\n {2}In line 2, column 46 of this expression: Comprehensions do not run/m,
  );
  assert.match(out, /In CEL: backend: '\("ops" in user\.groups \? "http:\/\/a" : "http:\/\/b"\)'\./);
});
