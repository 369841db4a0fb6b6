/** authentik's embedded outpost: the portal and the external host of a whole domain are one host. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Running } from '../black-box/lintel.ts';
import { asksToSignIn, Browser, type Front, PORTAL, street, told } from './street.ts';

const APPS = {
  everything: { url: PORTAL, domain: 'example.com', headers: 'authentik', access: [{ allow: 'signed_in' }] },
};

describe('the portal at the external host of a domain', () => {
  let at: Running;
  before(async () => {
    at = await street({ apps: APPS });
  });
  after(() => at?.stop());

  for (const front of ['traefik', 'nginx'] as const satisfies readonly Front[]) {
    test(`${front}: one sign-in opens every host, and a sign-out shuts them all`, async () => {
      const b = new Browser(at, front);
      const first = await b.open('https://a.example.com/x?y=%2F', 'alice');
      assert.deepEqual([first.reply.status, first.url], [200, 'https://a.example.com/x?y=%2F'], first.trail.join('\n'));
      assert.equal(told(first.reply)['x-authentik-username'], 'alice');
      const second = await b.open('https://b.example.com/');
      assert.equal(second.reply.status, 200, second.trail.join('\n'));
      const left = await b.open(`${PORTAL}/outpost.goauthentik.io/sign_out`);
      assert.equal(left.url, `${PORTAL}/signed-out`, left.trail.join('\n'));
      for (const host of ['a', 'b'])
        assert.ok(asksToSignIn((await b.open(`https://${host}.example.com/`)).reply), `${host} asks to sign in`);
    });
  }
});
