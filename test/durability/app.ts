/** An app in a process of its own, to be killed: `app.ts PORT`. Says `ready` on its output. */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { lineOf } from './crowd.ts';

const LINES = 100_000;

const server = createServer(async (req, res) => {
  if (req.url === '/never') return;
  if (req.url !== '/stream') {
    for await (const _ of req);
    res.end('served');
    return;
  }
  for (let n = 0; n < LINES && !res.destroyed; n += 1) {
    res.write(lineOf(n));
    await sleep(2);
  }
  res.end();
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
