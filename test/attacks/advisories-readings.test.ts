import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { parsePath } from '../../src/core/text/path.ts';
import { ask } from '../black-box/raw.ts';
import { gate } from './fixture.ts';

/**
 * Class 1, policy judged a different string than the back end served (CVE-2021-32637, CVE-2026-33494, CVE-2026-95811).
 *
 * Judging "everything that may separate does" beside "nothing does" is not enough. Back ends mix: WSGI servers and Go
 * decode %2F and keep "\" as data; WHATWG parsers (Node's `new URL`) take "\" for "/" and keep %5C and %2F; Tomcat cuts
 * at ";" and keeps %3B. An attacker who needs one kind to separate uses the kinds that do not to climb back out of
 * /admin in the all-or-nothing readings: `/admin%2Fa\..\..\public` is one harmless segment, or /public, and is
 * /admin/… to the app.
 */
const MIXED: readonly (readonly [path: string, served: string, by: string])[] = [
  ['/admin%2Fa\\..\\..\\public', '/admin/a\\..\\..\\public', 'WSGI, Go: %2F separates, "\\" is data'],
  ['/admin%2Fa%5C..%5C..%5Cpublic', '/admin/a\\..\\..\\public', 'the same with %5C'],
  ['/admin\\a%2F..%2F..%2Fpublic', '/admin/a%2F..%2F..%2Fpublic', 'WHATWG: "\\" separates, %2F is data'],
  ['/admin\\a%5C..%5C..%5Cpublic', '/admin/a\\..\\..\\public', 'WHATWG: "\\" separates, %5C is data'],
  ['/z/z/admin%2Fa\\..\\..\\public', '/z/z/admin/a\\..\\..\\public', 'the same, deeper'],
  ['/admin;a/..%3B/public', '/admin/..;/public', 'Tomcat: ";" begins a parameter, %3B is data'],
  ['/public;a%2F..%2Fadmin', '/admin', '%2F separates before anything is cut'],
  ['/x;a%2Fadmin', '/x/admin', 'decoded first, parameters cut then'],
  ['/x;a\\admin', '/x/admin', 'the same with a backslash'],
  ['/public/%252e%252e/admin', '/admin', 'two decodings in a row'],
  ['/public%252f..%252fadmin', '/admin', 'two decodings in a row'],
  ['/public/%25%32e%25%32e/admin', '/admin', 'two decodings in a row, the first in pieces'],
  ['/public/%25252e%25252e/admin', '/admin', 'three decodings in a row: two proxies and an app'],
  ['/public%25252f..%25252fadmin', '/admin', 'three decodings in a row'],
  ['/public/%EF%BC%8E%EF%BC%8E/admin', '/admin', 'fullwidth dots, by NFKC or the best fit of a Windows code page'],
  ['/public%EF%BC%8F..%EF%BC%8Fadmin', '/admin', 'fullwidth slashes'],
  ['/public/..%EF%BC%BCadmin', '/admin', 'fullwidth backslash'],
  ['/public/%E2%80%A4%E2%80%A4/admin', '/admin', 'one dot leaders'],
  ['/public/..%E2%88%95admin', '/admin', 'division slash, by best fit'],
  ['/public/..%C2%A5admin', '/admin', 'the yen sign, a backslash in code page 932'],
  ['/%EF%BD%81dmin', '/admin', 'a fullwidth letter'],
  ['/ad%E2%80%8Bmin', '/admin', 'a zero width space, which file systems of Apple pass over'],
  [
    '//admin//../x',
    '/admin/x',
    'dots resolved first and slashes merged then: WHATWG, behind it a router without empty segments',
  ],
  ['/\\admin\\/../x', '/admin/x', 'the same with backslashes'],
  ['/admin%3F/../public', '/admin', 'a query that begins once %3F is decoded'],
  ['/admin./x', '/admin/x', 'Windows drops dots at the end of a name'],
  ['/admin%20/x', '/admin/x', 'Windows drops spaces at the end of a name'],
  ['/admin.', '/admin', 'Windows drops dots at the end of a name'],
];

test('every mixture of separators that some back end has is judged, or the path refused for another', () => {
  for (const [path, served, by] of MIXED) {
    const parsed = parsePath(path);
    if (!parsed.ok) assert.equal(parsed.error, 'climbs above the root', path);
    else
      assert.ok(
        parsed.value.readings.includes(served),
        `${path} is ${served} (${by}); judged: ${parsed.value.readings}`,
      );
  }
});

test('what nobody can mean well is refused: spaces among dots, more kinds of separators than readings can be judged', () => {
  for (const path of [
    '/a/%252525252e',
    '/%20/admin',
    '/a/%20%20',
    '/%20\\admin',
    '/public/..%20/admin',
    '/public/.%20./admin',
    '/a%2F\\%5C;b%3Bc',
    '/admin%20;x',
    '/a/%2500',
  ])
    assert.equal(parsePath(path).ok, false, path);
});

test('no request can be made to cost more than a bounded number of readings', () => {
  for (const piece of ['%2F;.', '%2F\\.', '%252F%2F;. ./', '//;%2F%25%32e%25%32e/a'])
    for (const times of [1, 50, 3000]) {
      const parsed = parsePath(`/${piece.replaceAll(' ', '%20').repeat(times)}`);
      if (parsed.ok) assert.ok(parsed.value.readings.length <= 32, `${piece} x ${times}`);
    }
});

test('a long path costs no more than a short one that is as odd: it is refused where it has several readings', () => {
  const odd = (length: number) => `/${'a;b%2f%5cc/'.repeat(length / 11)}`;
  assert.equal(parsePath(odd(2_000)).ok, true);
  assert.deepEqual(parsePath(odd(14_000)), { ok: false, error: 'too many readings' });
  assert.equal(parsePath(`/${'%C3%A4b/'.repeat(1_500)}`).ok, true, 'long and plain');
});

test('alice stays out of /admin, whichever way it is written', async (t) => {
  const at = await gate();
  after(() => at.stop());
  t.diagnostic('forward-auth, signed in as alice; /admin is for admins, the rest for everybody signed in');
  const cookie = await at.cookie('alice');
  const status = async (uri: string) => {
    const headers = [
      ...['Host: auth.internal', 'X-Forwarded-Method: GET', 'X-Forwarded-Proto: https'],
      ...['X-Forwarded-Host: app.example.test', `X-Forwarded-Uri: ${uri}`, 'X-Forwarded-For: 198.51.100.7'],
      ...['Accept: text/html', `Cookie: ${cookie}`, 'Connection: close'],
    ];
    return (await ask(at.at, { target: '/api/authz/forward-auth', headers })).status;
  };
  assert.equal(await status('/x'), 200);
  const served = MIXED.filter(([, s]) => s.startsWith('/admin'));
  for (const [path] of served) assert.ok([400, 403].includes(await status(path)), path);
});
