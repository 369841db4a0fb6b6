/**
 * `slow-readers.ts PORT COUNT REQUEST`: opens that many connections, sends each the request, and reads about 16 KiB a second
 * of each answer, not all at the same moment.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const SIP = 16384;
/** A second is so many turns, each of another part of the readers. */
const SHARES = 50;

const [port, count, request = ''] = process.argv.slice(2);
const readers: Socket[] = [];
for (let i = 0; i < Number(count); i++) {
  const socket = connect({ host: '127.0.0.1', port: Number(port) });
  socket.on('error', () => {});
  socket.pause();
  socket.write(request);
  readers.push(socket);
  if (i % 50 === 0) await sleep(20);
}
let turn = 0;
setInterval(() => {
  turn = (turn + 1) % SHARES;
  for (let i = turn; i < readers.length; i += SHARES) readers[i]?.read(SIP);
}, 1000 / SHARES);
process.stdout.write('reading\n');
