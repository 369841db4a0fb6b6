import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask } from '../black-box/raw.ts';
import { gate } from './fixture.ts';

/**
 * Class 1 for the part after "?". A rule that tests a parameter compares with what one parser reads there; apps read
 * otherwise: of two values PHP takes the last, Go and Python the first; a pair with a bad escape, or with ";" in it, is
 * nothing to Go and a parameter to others. So `?as=admin&as=guest` and `?as=admin%zz` got past `deny` rules for
 * `as=admin`, and `?key=public&key=secret` into what is open for `key=public`. Where apps may differ the rule does not
 * know, and what is not known is denied.
 */
test('a query that apps read differently passes no rule that tests it', async () => {
  const parameter = (key: string, value?: string) => [[{ key, ...(value !== undefined && { value }) }]];
  const app = {
    url: 'https://query.example.test',
    access: [
      { query: parameter('as'), paths: ['/as'], deny: 'everyone' },
      { query: parameter('as', 'admin'), paths: ['/who'], deny: 'everyone' },
      { query: parameter('key', 'public'), paths: ['/key'], allow: 'everyone' },
      { paths: ['/key'], deny: 'everyone' },
      { allow: 'everyone' },
    ],
  };
  const at = await gate({ config: { apps: { app } } });
  after(() => at.stop());
  const status = async (uri: string) => {
    const headers = [
      ...['Host: auth.internal', 'X-Forwarded-Method: GET', 'X-Forwarded-Proto: https'],
      ...['X-Forwarded-Host: query.example.test', `X-Forwarded-Uri: ${uri}`, 'Connection: close'],
    ];
    return (await ask(at.at, { target: '/api/authz/forward-auth', headers })).status;
  };
  const open = ['/as?x=1', '/as', '/who?as=guest', '/who?x=1&x=2', '/key?key=public', '/key?key=public&key=public'];
  for (const uri of [...open, '/other?as=admin;x=%zz&as']) assert.equal(await status(uri), 200, uri);
  const shut = [
    ...['/as?as', '/as?as=%zz', '/as?x;as=1', '/as?%61s=1', '/as?as=%ff', '/as?as%zz=1'],
    ...['/who?as=admin', '/who?as=guest&as=admin', '/who?as=admin&as=guest', '/who?as=admin%zz', '/who?x=1;as=admin'],
    ...['/key?key=public&key=secret', '/key?key=secret&key=public', '/key?key=public&key=%zz', '/key?x;key=public'],
  ];
  for (const uri of shut) assert.equal(await status(uri), 403, uri);
});
