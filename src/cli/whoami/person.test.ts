import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { startWhoami } from './app.ts';
import { page } from './page.ts';
import { arrivedWith, described } from './person.ts';

test('a person is what the headers say, in UTF-8', () => {
  const raw = ['Remote-User', 'zoe', 'Remote-Name', Buffer.from('Zoë').toString('latin1'), 'Remote-Groups', 'a,b'];
  const arrived = arrivedWith(raw);
  deepEqual([arrived.user, arrived.name, arrived.groups], ['zoe', 'Zoë', ['a', 'b']]);
  equal(described(arrived), 'You are Zoë (zoe), in the groups a, b.');
  equal(described(arrivedWith(['Remote-User', ''])), 'You are nobody here: no user name reached this app.');
});

test('markup in a header is text on the page', () => {
  const around = { origin: 'http://whoami.localhost', portal: 'http://auth.localhost' };
  const { text } = page(arrivedWith(['Remote-User', '<script>alert(1)</script>', 'X"y', '"onload=']), '/', around);
  equal(text.includes('<script>alert'), false);
  equal(text.includes('"onload='), false);
});

test('the app answers a browser with the page, curl with text, a program with JSON', async () => {
  const app = await startWhoami({ origin: 'http://whoami.localhost', portal: 'http://auth.localhost' });
  try {
    const ask = (accept: string) =>
      fetch(`http://${app.address}/`, { headers: { Accept: accept, 'Remote-User': 'alice' } });
    equal((await (await ask('text/html')).text()).includes('Hello, <em>alice</em>'), true);
    equal((await (await ask('*/*')).text()).startsWith('You are alice, in no group.'), true);
    const seen: unknown = await (await ask('application/json')).json();
    equal(typeof seen === 'object' && seen !== null && 'user' in seen && seen.user, 'alice');
    equal((await fetch(`http://${app.address}/style.css`)).headers.get('content-type'), 'text/css; charset=utf-8');
  } finally {
    await app.close();
  }
});
