/** Resident memory at rest, and after 200,000 and 1,000,000 requests. */
import { once } from 'node:events';
import { type Contender, load, print, rssMiB } from './measure.ts';
import { site } from './site.ts';

// The first start after a change of the sources reads and strips them; the next ones find them compiled.
const first = await site('first start', {});
first.child.kill('SIGTERM');
await once(first.child, 'exit');

let rest = 0;
const one = await site('memory', {}, async (started) => {
  await new Promise((r) => setTimeout(r, 3000));
  rest = rssMiB(started);
});
const pid = one.child.pid ?? 0;
let served = 0;

async function until(c: Contender, total: number): Promise<number> {
  while (served < total) served += (await load(c, 5)).requests;
  await new Promise((r) => setTimeout(r, 2000));
  return rssMiB(pid);
}

const early = await until(one, 200_000);
const earlyAt = served;
const late = await until(one, 1_000_000);
print('Resident memory of lintel serve', [
  ['at rest, from source', `${rest.toFixed(0)} MiB`, 'target 100 MiB'],
  [`after ${earlyAt.toLocaleString('en')} requests`, `${early.toFixed(0)} MiB`, ''],
  [
    `after ${served.toLocaleString('en')} requests`,
    `${late.toFixed(0)} MiB`,
    `${(late / early).toFixed(2)} × the former, target 1`,
  ],
]);
one.child.kill('SIGKILL');
