/** A Lintel that proxies one app, and the app cookie of a person who signed in and was handed over, as a browser gets it. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cheapHash } from '../test/black-box/lintel.ts';
import { FLAGS, freePort, launch } from './measure.ts';

export const APP_HOST = 'wiki.localhost';
const PORTAL_HOST = 'auth.localhost';
const PASSWORD = 'correct horse battery staple';

/** `headers`: as in lintel.yml; `authentik` is twelve headers and a signed assertion. */
export async function proxiedSite(upstream: number, headers = 'remote') {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  const config = {
    listen: [`127.0.0.1:${port}`],
    portal: `http://${PORTAL_HOST}:${port}`,
    storage: 'sqlite:./lintel.db',
    users: 'file:./users.yml',
    metrics: `127.0.0.1:${await freePort()}`,
    apps: {
      wiki: {
        url: `http://${APP_HOST}:${port}`,
        upstream: `http://127.0.0.1:${upstream}`,
        headers,
        access: [{ allow: 'signed_in' }],
      },
    },
  };
  writeFileSync(join(dir, 'lintel.yml'), JSON.stringify(config));
  writeFileSync(
    join(dir, 'users.yml'),
    `users:\n  alice:\n    displayname: Alice Adams\n    password: '${cheapHash(PASSWORD)}'\n    email: alice@example.com\n    groups: [admins, dev]\n`,
  );
  const child = await launch(
    [...FLAGS, 'src/main.ts', 'serve', '--config', join(dir, 'lintel.yml')],
    port,
    '/api/health',
    PORTAL_HOST,
  );
  return { child, port, cookie: await handedOver(port) };
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
}

/** Signs in at the portal, then follows the app's redirects until it has its cookie. */
async function handedOver(port: number): Promise<string> {
  const jars = new Map<string, Map<string, string>>();
  const ask = (url: URL, body?: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const jar = jars.get(url.hostname) ?? new Map<string, string>();
      jars.set(url.hostname, jar);
      const headers = {
        Host: url.host,
        Accept: 'text/html',
        Cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; '),
        ...(body === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': body.length, Origin: url.origin }),
      };
      const options = {
        host: '127.0.0.1',
        port,
        path: url.pathname + url.search,
        method: body === undefined ? 'GET' : 'POST',
        headers,
      };
      const req = http.request(options, (res) => {
        res.resume();
        for (const line of res.headers['set-cookie'] ?? []) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          jar.set(name, value);
        }
        resolve({ status: res.statusCode ?? 0, location: res.headers.location });
      });
      req.on('error', reject);
      req.end(body);
    });
  const signIn = JSON.stringify({ username: 'alice', password: PASSWORD });
  const signedIn = await ask(new URL(`http://${PORTAL_HOST}:${port}/api/firstfactor`), signIn);
  if (signedIn.status !== 200) throw new Error(`sign-in answered ${signedIn.status}`);
  let url = new URL(`http://${APP_HOST}:${port}/wiki/page?id=42`);
  for (let hop = 0; hop < 8; hop++) {
    const answer = await ask(url);
    if (answer.status === 200) return `lintel-app=${jars.get(APP_HOST)?.get('lintel-app')}`;
    if (answer.location === undefined) throw new Error(`${url} answered ${answer.status}`);
    url = new URL(answer.location, url);
  }
  throw new Error(`the hand-over does not end: ${url}`);
}
