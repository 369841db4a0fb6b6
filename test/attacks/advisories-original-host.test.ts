/**
 * A Host that eats the path. nginx lets "?" stand in a Host header, and a request for any host reaches the first server
 * block. authentik's snippet joins `$scheme://$http_host$request_uri`, so that `Host: wiki.example.org?` and `/admin` become
 * `http://wiki.example.org?/admin`: the front page with a query to whoever splits it, while the app serves /admin. A
 * front page that is open to everyone would open everything. Class 1 (policy judges another string than the app serves)
 * and class 6 (hosts); its siblings are "#", "\", "@" and ";". The address of a request that came through nginx always has
 * a path.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startBackend } from '../black-box/backend.ts';
import type { Running } from '../black-box/lintel.ts';
import { ask, exchange } from '../black-box/raw.ts';
import { street } from '../outpost/street.ts';
import { freePort, missing, openScope, partPath, startProcess, tempDir } from '../parts.ts';

const HOST = 'wiki.example.org';
const APPS = {
  wiki: { url: `http://${HOST}`, access: [{ paths_regex: ['^/$'], allow: 'everyone' }, { allow: 'signed_in' }] },
};
const HOSTS = ['?', '?x=', '#', '\\', ';', '%3f', '%2f', ':80?', '?@'].map((end) => `${HOST}${end}`);
const CHECKS = {
  "authentik's": { path: '/outpost.goauthentik.io/auth/nginx', host: '$http_host' },
  "Authelia's": { path: '/api/authz/auth-request', host: '$host' },
} as const;

describe('the front page is open to everyone, and nothing else is', () => {
  let at: Running;
  before(async () => {
    at = await street({ apps: APPS });
  });
  after(() => at.stop());

  for (const target of [...Object.values(CHECKS).map((c) => c.path), '/api/verify?rd=https://auth.example.com/']) {
    test(`asked at ${target}`, async () => {
      const status = async (url: string) => {
        const headers = ['Host: auth.internal', 'X-Original-Method: GET', 'X-Forwarded-For: 198.51.100.7'];
        return (await ask(at, { target, headers: [...headers, `X-Original-URL: ${url}`] })).status;
      };
      assert.equal(await status(`http://${HOST}/`), 200);
      assert.equal(await status(`http://${HOST}/admin`), 401);
      for (const host of HOSTS) assert.notEqual(await status(`http://${host}/admin`), 200, host);
      assert.notEqual(await status(`http://${HOST}?`), 200);
    });
  }

  for (const [whose, { path, host }] of Object.entries(CHECKS)) {
    test(`a real nginx with ${whose} endpoint`, { skip: missing('nginx') }, async () => {
      const scope = openScope();
      const app = await startBackend();
      scope.after(() => app.close());
      const port = await freePort();
      const dir = tempDir(scope);
      const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/${n};`);
      const conf = `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; pid ${dir}/pid; error_log stderr; events {}
http { access_log off; ${temp.join(' ')}
  server { listen 127.0.0.1:${port}; server_name ${HOST};
    location / { auth_request /check; proxy_pass http://127.0.0.1:${app.port}; }
    location = /check { internal; proxy_pass http://127.0.0.1:${at.port}${path}; proxy_pass_request_body off;
      proxy_set_header Content-Length ""; proxy_set_header Host auth.internal; proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URL $scheme://${host}$request_uri; proxy_set_header X-Forwarded-For $remote_addr; } } }`;
      writeFileSync(join(dir, 'nginx.conf'), conf);
      try {
        const args = ['-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf')];
        await startProcess(scope, partPath('nginx'), args, { ready: port });
        const served = async (line: string, name: string) => {
          const bytes = `GET ${line} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`;
          await exchange({ host: '127.0.0.1', port }, bytes);
          return app.take().map((a) => a.target);
        };
        assert.deepEqual(await served('/', HOST), ['/']);
        assert.deepEqual(await served('/admin', HOST), []);
        for (const name of HOSTS) assert.deepEqual(await served('/admin', name), [], name);
        assert.deepEqual(await served(`http://${HOST}?/admin`, HOST), []);
      } finally {
        await scope.close();
      }
    });
  }
});
