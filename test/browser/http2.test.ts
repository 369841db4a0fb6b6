/** No other proxy and no certificate of one's own: Chromium signs in and opens an app over HTTP/2. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startBackend } from '../black-box/backend.ts';
import { live } from '../live/server.ts';
import { freePort, missing } from '../parts.ts';
import { cleanUp, startBrowser } from './stage.ts';

describe('Chromium over HTTP/2', { skip: missing('chromium') }, () => {
  const scope = cleanUp();
  let browser: Awaited<ReturnType<typeof startBrowser>>;
  before(async () => {
    browser = await startBrowser(scope);
  });

  test('signs in at the portal and comes back to the app, all of it in h2', async (t) => {
    const backend = await startBackend();
    t.after(() => backend.close());
    const port = await freePort();
    const at = await live(t, {
      config: `listen: [https://127.0.0.1:${port}]
portal: https://auth.example.test:${port}
storage: memory
users: file:DIR/users.yml
metrics: 127.0.0.1:0
apps:
  wiki:
    url: https://wiki.example.test:${port}
    upstream: http://127.0.0.1:${backend.port}
    access: [{allow: signed_in}]
`,
    });
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    t.after(() => context.close());
    const page = await context.newPage();
    const protocol = () =>
      page.evaluate(() =>
        performance
          .getEntries()
          .slice(0, 1)
          .map((e) => JSON.parse(JSON.stringify(e)).nextHopProtocol),
      );
    await page.goto(`https://wiki.example.test:${port}/page?a=b%2Fc`);
    assert.equal(new URL(page.url()).hostname, 'auth.example.test');
    assert.deepEqual(await protocol(), ['h2']);
    await page.fill('input[name=username]', 'alice');
    await page.fill('input[name=password]', 'wonderland-7');
    await page.click('button[type=submit]');
    await page.waitForURL(`https://wiki.example.test:${port}/page?a=b%2Fc`);
    assert.match(await page.content(), /reached/);
    assert.deepEqual(await protocol(), ['h2']);
    const [arrival] = backend.take().filter((a) => a.target.startsWith('/page'));
    assert.equal(arrival?.target, '/page?a=b%2Fc');
    const header = (name: string) => arrival?.headers.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v);
    assert.deepEqual(header('remote-user'), ['alice']);
    assert.deepEqual(header('host'), [`wiki.example.test:${port}`]);
    assert.equal(
      at.log().some((l) => l.level === 'error'),
      false,
    );
  });
});
