/** Load whose every answer is counted: wrk for weight, and a prober that knows when each of its requests began. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { eventually } from '../black-box/lintel.ts';
import { type Address, ask } from '../black-box/raw.ts';
import { partPath, type Scope, tempDir } from '../parts.ts';

export interface WrkReport {
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  readonly errors: {
    readonly connect: number;
    readonly read: number;
    readonly write: number;
    readonly timeout: number;
  };
  readonly text: string;
}

/** How many answers of one status wrk counts before it says so again. */
const STEP = 100;

/** wrk by itself tells "Non-2xx" apart from the rest and no more, and that at its end. */
const SCRIPT = `
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args) counts = {}; seen = "" end
function response(status)
  if counts[status] == nil then counts[status] = 0; seen = seen .. status .. " " end
  counts[status] = counts[status] + 1
  if counts[status] == 1 or counts[status] % ${STEP} == 0 then
    io.write("SEEN ", status, " ", counts[status], "\\n")
    io.flush()
  end
end
function done(summary)
  for _, t in ipairs(threads) do
    for status in string.gmatch(t:get("seen"), "%d+") do
      io.write("STATUS ", status, " ", t:get("counts")[tonumber(status)], "\\n")
    end
  end
  local e = summary.errors
  io.write(string.format("ERRORS connect=%d read=%d write=%d timeout=%d\\n", e.connect, e.read, e.write, e.timeout))
end
`;

/** No test may load the machine for longer, whatever it waits for. */
const LONGEST_S = 60;

export interface Weight {
  /** Resolves when wrk itself has counted so many answers of this status. */
  seen(status: number, least?: number): Promise<void>;
  /** Ends the load; resolves with what wrk counted. */
  lift(): Promise<WrkReport>;
}

/**
 * Runs wrk on eight connections that it keeps open, until it is lifted. It takes its time to start: what it has to count
 * before something changes is waited for with `seen`. An answer is late for it when the test is over.
 */
export function wrk(scope: Scope, at: Address, path: string, headers: readonly string[]): Weight {
  const script = join(tempDir(scope), 'count.lua');
  writeFileSync(script, SCRIPT);
  const fields = headers.flatMap((line) => ['-H', line]);
  const url = `http://${at.host}:${at.port}${path}`;
  const times = [`-d${LONGEST_S}s`, '--timeout', `${LONGEST_S}s`];
  const child = spawn(partPath('wrk'), ['-t1', '-c8', ...times, '-s', script, ...fields, url]);
  scope.after(() => child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  const counted = (status: number) =>
    Number([...text.matchAll(/^SEEN (\d+) (\d+)$/gm)].findLast((m) => Number(m[1]) === status)?.[2] ?? 0);
  const seen = async (status: number, least = 1) => {
    // Before it has said how many connections it keeps it does not listen to a signal.
    const isThere = () => counted(status) >= least && /threads? and \d+ connections/.test(text);
    await eventually(`wrk counts ${least} of ${status}`, isThere, LONGEST_S * 1_000);
  };
  const lift = async () => {
    child.kill('SIGINT'); // it stops and reports
    await ended;
    return reportOf(text);
  };
  return { seen, lift };
}

function reportOf(text: string): WrkReport {
  const errors = /ERRORS connect=(\d+) read=(\d+) write=(\d+) timeout=(\d+)/.exec(text);
  if (errors === null) throw new Error(`wrk did not report:\n${text}`);
  const [connect = 0, read = 0, write = 0, timeout = 0] = errors.slice(1).map(Number);
  const statuses = new Map([...text.matchAll(/^STATUS (\d+) (\d+)$/gm)].map((m) => [Number(m[1]), Number(m[2])]));
  return { statuses, errors: { connect, read, write, timeout }, text };
}

export const NO_ERRORS: WrkReport['errors'] = { connect: 0, read: 0, write: 0, timeout: 0 };

export interface Answered {
  /** When the answer before it on this connection was there; 0 for the first. */
  readonly free: number;
  /** performance.now() before the first byte was written, and when the answer was there. */
  readonly began: number;
  readonly ended: number;
  /** 0: there was none. */
  readonly status: number;
  /** Why there was none: ECONNREFUSED, ECONNRESET … */
  readonly failure: string | undefined;
}

export interface Prober {
  readonly answers: readonly Answered[];
  /** Resolves when so many requests that began after now are answered. */
  more(count: number): Promise<void>;
  /** Resolves when the last request has been answered. */
  stop(): Promise<readonly Answered[]>;
}

/** Sends one request after the other on each of a few connections that stay open. */
export function probe(scope: Scope, at: Address, path: string, headers: readonly string[], connections = 3): Prober {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const answers: Answered[] = [];
  let isOver = false;
  const run = async () => {
    for (let free = 0, ended = 0; !isOver; free = ended) {
      const began = performance.now();
      const said = await once(agent, at, path, headers);
      ended = performance.now();
      answers.push({ ...said, free, began, ended });
      if (said.status === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const running = Promise.all(Array.from({ length: connections }, run));
  const stop = async () => {
    isOver = true;
    await running;
    agent.destroy();
    return answers;
  };
  const more = async (count: number) => {
    const now = performance.now();
    while (answers.filter((a) => a.began > now).length < count) {
      if (performance.now() - now > LONGEST_S * 1_000) throw new Error(`not ${count} answers within ${LONGEST_S} s`);
      await sleep(20);
    }
  };
  scope.after(stop);
  return { answers, more, stop };
}

type Said = Pick<Answered, 'status' | 'failure'>;

function once(agent: Agent, at: Address, path: string, headers: readonly string[]): Promise<Said> {
  return new Promise((resolve) => {
    const fields = headers.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
    const failed = (error: NodeJS.ErrnoException) => resolve({ status: 0, failure: error.code ?? error.message });
    const sent = request(
      { host: at.host, port: at.port, path, agent, headers: Object.fromEntries(fields) },
      (reply) => {
        reply.resume();
        reply.once('end', () => resolve({ status: reply.statusCode ?? 0, failure: undefined }));
        reply.once('error', failed);
      },
    );
    sent.once('error', failed);
    sent.end();
  });
}

/**
 * What a promise of so many milliseconds does not count, because a machine that stands still keeps none: how long the
 * server let somebody wait who asked its ops listener all the time, and this process its own timers. Ends when it is called.
 */
export function lostTime(ops: Address): () => Promise<number> {
  const REST_MS = 10;
  let lost = 0;
  let isOver = false;
  const run = async () => {
    while (!isOver) {
      const began = performance.now();
      await ask(ops, { target: '/healthz', headers: [`Host: 127.0.0.1:${ops.port}`, 'Connection: close'] }).catch(
        () => 0,
      );
      await sleep(REST_MS);
      lost += performance.now() - began - REST_MS;
    }
  };
  const running = run();
  return async () => {
    isOver = true;
    await running;
    return lost;
  };
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
