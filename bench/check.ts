/** Check endpoints: an allow against a bare handler, cached Basic, and what size costs. */
import { DatabaseSync } from 'node:sqlite';
import { type Contender, compare, load, print, ratioOf } from './measure.ts';
import { asked, bare, site } from './site.ts';

const ROUNDS = 11;
const SECONDS = 2;

const small = await site('1 app, 1 user, 1 session', {});
const apps = await site('1,000 apps, 20 of them wildcards', { apps: 1000 });
const users = await site('100,000 users', { users: 100_000 });
const sessions = await site('100,000 sessions', { sessions: 100_000 });
const regexes = await site('100 expressions on the host', { regexes: 100 });
const same = (await bare()) satisfies Contender;
const yardstick = { ...same, headers: small.headers };
const basic = {
  ...small,
  name: 'cached Basic',
  headers: [...asked(), `Authorization: Basic ${Buffer.from(`alice:${small.password}`).toString('base64')}`],
};
const wild = {
  ...apps,
  name: '… on a host below a wildcard',
  headers: apps.headers.map((h) => h.replace('app0.', 'x.w7.')),
};

const outpost = {
  ...small,
  name: "authentik's endpoint, twelve headers and the assertion",
  path: '/outpost.goauthentik.io/auth/traefik',
};

const version = (database: string) => {
  const db = new DatabaseSync(database, { readOnly: true });
  return { read: () => JSON.stringify(db.prepare('PRAGMA data_version').get()), close: () => db.close() };
};
const rows = await compare([yardstick, small, outpost, basic, apps, wild, users, sessions, regexes], ROUNDS, SECONDS);

/** A session is touched once a minute at most, so of three windows in a row at most one sees a write. */
const watched = version(small.database);
let windowsWithWrites = 0;
for (let i = 0; i < 3; i++) {
  const before = watched.read();
  await load(small, 2);
  if (watched.read() !== before) windowsWithWrites++;
}
watched.close();
const wrote = `${windowsWithWrites} of 3 windows of 2 s had one`;

const smallest = rows.find((r) => r.name === small.name);
const against = (costs: readonly number[]) => ratioOf(costs, smallest?.costs ?? []).toFixed(2);
const of = ({ name }: { readonly name: string }) => against(rows.find((r) => r.name === name)?.costs ?? []);
const table = rows.map((r) => [
  r.name,
  `${r.micros.toFixed(1)} µs`,
  `${r.ratio.toFixed(2)} × bare`,
  `${against(r.costs)} × smallest`,
]);
print(
  `Forward-auth allow, session cookie in SQLite, four identity headers (CPU a request, ${ROUNDS} rounds of ${SECONDS} s)`,
  [['', 'CPU', 'against bare', 'against smallest'], ...table],
);
print('Against the targets', [
  ['allow / bare', (smallest?.ratio ?? Number.NaN).toFixed(2), 'target 1.6'],
  ['twelve headers / four', of(outpost), 'target 1.25'],
  ['cached Basic / cookie', of(basic), 'target 1.5'],
  ...[apps, wild, users, sessions].map((c) => [`${c.name} / smallest`, of(c), 'target 1.2']),
  ['store writes', wrote, 'target: the touch, once a minute'],
]);
for (const c of [small, apps, users, sessions, regexes, same]) c.child.kill('SIGKILL');
