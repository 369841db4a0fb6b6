import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Backend, startBackend } from '../black-box/backend.ts';
import { eventually, type Running } from '../black-box/lintel.ts';
import { headerOf } from '../black-box/raw.ts';
import { asksToSignIn, Browser, street } from './street.ts';

/** Backends and host headers that are chosen when somebody signs in to the app (contract authentik.md §7). */
describe('a backend for each person', () => {
  let backends: Record<'alice' | 'bob' | 'own', Backend>;
  let at: Running;
  before(async () => {
    backends = { alice: await startBackend(), bob: await startBackend(), own: await startBackend() };
    const to = (b: Backend) => `http://127.0.0.1:${b.port}`;
    const app = (name: string, more: object) => ({
      url: `http://${name}.example.com`,
      upstream: to(backends.own),
      headers: 'authentik',
      access: [{ allow: 'signed_in' }],
      ...more,
    });
    const chosen = `{"alice": "${to(backends.alice)}", "bob": "${to(backends.bob)}/base"}[user.name]`;
    at = await street({
      apps: {
        cel: app('cel', { backend: chosen, host_header: '"internal-" + user.name' }),
        python: app('python', {
          mappings: `# as in authentik\nreturn {"ak_proxy": {"backend_override": f"${to(backends.alice)}/{request.user.username}", "host_header": "my-internal-host-header", "user_attributes": {"additionalHeaders": {"X-App-User": request.user.username}}}}`,
        }),
        strict: app('strict', { backend: chosen, allowed_backends: to(backends.alice) }),
        where: app('where', { backend: `"${to(backends.own)}/at/" + request.host + request.path` }),
        broken: app('broken', { backend: 'user.attributes.nonesuch' }),
      },
    });
  });
  after(async () => {
    await at.stop();
    for (const b of Object.values(backends)) await b.close();
  });

  test('requests go where the sign-in decided, with its host header and base path', async () => {
    for (const [who, path] of [
      ['alice', '/x?y=1'],
      ['bob', '/base/x?y=1'],
    ] as const) {
      const b = new Browser(at, 'lintel');
      const { reply, trail } = await b.open('http://cel.example.com/x?y=1', who);
      assert.equal(reply.status, 200, trail.join('\n'));
      const got = backends[who].take().at(-1);
      assert.equal(got?.target, path);
      assert.deepEqual(
        got?.headers.filter(([n]) => n.toLowerCase() === 'host').map(([, v]) => v),
        [`internal-${who}`],
      );
      assert.deepEqual(
        got?.headers.filter(([n]) => n.toLowerCase() === 'x-forwarded-host').map(([, v]) => v),
        ['cel.example.com'],
      );
    }
    assert.equal(backends.own.take().length, 0);
  });

  test('the request that an expression sees has a host and a path, and no query', async () => {
    const b = new Browser(at, 'lintel');
    const { trail } = await b.open('http://where.example.com/x/y?z=1', 'alice');
    assert.equal(backends.own.take().at(-1)?.target, '/at/where.example.com/x/y/x/y?z=1', trail.join('\n'));
  });

  test("authentik's expression, as people have written it", async () => {
    const b = new Browser(at, 'lintel');
    const { reply, trail } = await b.open('http://python.example.com/app', 'alice');
    assert.equal(reply.status, 200, trail.join('\n'));
    const got = backends.alice.take().at(-1);
    assert.equal(got?.target, '/alice/app');
    const value = (name: string) => got?.headers.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v);
    assert.deepEqual(value('host'), ['my-internal-host-header']);
    assert.deepEqual(value('x-app-user'), ['alice']);
  });

  test('a backend that is not allowed, and an expression that fails, refuse the sign-in; nobody lands elsewhere', async () => {
    const taken = () => [...backends.own.take(), ...backends.bob.take()].length;
    taken();
    for (const app of ['http://strict.example.com/', 'http://broken.example.com/']) {
      const b = new Browser(at, 'lintel');
      const { reply, trail } = await b.open(app, 'bob');
      assert.equal(reply.status, 500, trail.join('\n'));
      assert.equal(headerOf(reply, 'x-lintel-error'), 'ROUTING-REFUSED');
      assert.match(reply.body, /<a class="primary" href="https:\/\/auth\.example\.com\/">Go to your apps<\/a>/);
    }
    assert.equal(taken(), 0);
    await eventually('the log says why', () => /ROUTING-REFUSED.*(?:nonesuch|127\.0\.0\.1)/.test(at.output()));
    const fine = await new Browser(at, 'lintel').open('http://strict.example.com/', 'alice');
    assert.equal(fine.reply.status, 200);
  });

  test('the choice stays with the sign-in and ends with it', async () => {
    const b = new Browser(at, 'lintel');
    await b.open('http://cel.example.com/', 'alice');
    backends.alice.take();
    for (let i = 0; i < 3; i++) assert.equal((await b.get(`http://cel.example.com/${i}`)).status, 200);
    assert.equal(backends.alice.take().length, 3);
    await b.open('http://cel.example.com/outpost.goauthentik.io/sign_out');
    assert.ok(asksToSignIn((await b.open('http://cel.example.com/')).reply));
  });
});
