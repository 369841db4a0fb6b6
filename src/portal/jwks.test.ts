import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { app, Client, portalAt, rule, SIGNED_IN, World } from '../../test/browser/world.ts';
import { MemoryStore } from '../stores/memory.ts';

const PORTAL = 'https://auth.one.test/sso';
const ALPHA = 'https://grafana.alpha.test';
const PLACES = [`${PORTAL}/.lintel/jwks.json`, `${ALPHA}/.lintel/jwks.json`];

function worldOn(store: MemoryStore): World {
  return new World({ portal: portalAt(PORTAL).url, apps: [app('Grafana', ALPHA, [rule(SIGNED_IN)])], store });
}

test('while the store is down keys that are known are served, and nothing in place of others', async () => {
  const store = new MemoryStore();
  const [known, unknown] = [worldOn(store), worldOn(store)];
  const [first] = await Promise.all(PLACES.map((url) => new Client(known).get(url)));
  equal(first?.status, 200);
  store.close();
  for (const url of PLACES) {
    equal((await new Client(known).get(url)).body, first?.body);
    const none = await new Client(unknown).get(url);
    deepEqual([none.status, none.error, none.header('cache-control')], [503, 'STORE-UNAVAILABLE', 'no-store']);
    equal(none.header('access-control-allow-origin'), undefined);
  }
  equal(unknown.events.filter((e) => e.kind === 'fault' && e.fault.detail.includes('closed')).length, 2);
});

test('it is one address: nothing else under /.lintel/ on the portal', async () => {
  const client = new Client(worldOn(new MemoryStore()));
  for (const path of ['/.lintel/jwks.json/', '/.lintel/jwks', '/.lintel/whoami', '/.LINTEL/jwks.json']) {
    equal((await client.get(`${PORTAL}${path}`)).error, 'NOT-FOUND', path);
  }
});
