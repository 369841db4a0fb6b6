import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask } from '../black-box/raw.ts';
import { gate } from './fixture.ts';

/**
 * Class 6, case, dot and port in the host (CVE-2026-77560, CVE-2022-23632).
 *
 * Two apps of one host on different ports, and a proxy that tells the host without its port, as nginx's `$host` does.
 * Which of the two is meant cannot be known, so neither may be judged in place of the other: a wish for the admins'
 * port must not be answered by the rules of the open one, nor by the default for hosts that no app names.
 */
test('a host whose port is not told is none of its apps, and not a host without an app either', async () => {
  const url = (port: number) => `https://two.example.test:${port}`;
  const apps = {
    open: { url: url(8443), access: [{ allow: 'everyone' }] },
    closed: { url: url(9443), access: [{ allow: ['group:admins'] }] },
  };
  const at = await gate({ config: { apps, policy: { default: 'everyone' } } });
  after(() => at.stop());
  const status = async (authority: string) => {
    const headers = [
      ...['Host: auth.internal', 'X-Forwarded-Method: GET', 'X-Forwarded-Proto: https'],
      ...[`X-Forwarded-Host: ${authority}`, 'X-Forwarded-Uri: /', 'X-Forwarded-For: 198.51.100.7', 'Connection: close'],
    ];
    return (await ask(at.at, { target: '/api/authz/forward-auth', headers })).status;
  };
  assert.equal(await status('two.example.test:8443'), 200);
  for (const authority of ['two.example.test', 'two.example.test:9443', 'two.example.test:443', 'two.example.test:1'])
    assert.notEqual(await status(authority), 200, authority);
});
