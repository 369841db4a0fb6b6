/** Opens sessions and adds app passwords in the database named on the command line, and prints the id of each one that is acknowledged. */

import { systemClock } from '../../src/ops/clock.ts';
import { randomKey } from '../../src/ops/secrets.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';
import { appSecret, keyOf, portalSecret, sessionOf, tokenOf } from '../../src/stores/values.contract.ts';

const [path = '', prefix = '', count = '1000'] = process.argv.slice(2);
const store = new SqliteStore(path, randomKey, systemClock);
for (let i = 0; i < Number(count); i += 1) {
  const id = `${prefix}-${i}`;
  await store.open(sessionOf(id), [portalSecret(`${id} portal`), appSecret(`${id} app`)]);
  await store.addToken(tokenOf(id, { user: id }), keyOf(`${id} token`));
  await new Promise((written) => process.stdout.write(`${id}\n`, written));
}
store.close();
