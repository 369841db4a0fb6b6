/** Load whose every answer is counted: wrk for weight, and a prober that knows when each of its requests began. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import type { Address } from '../black-box/raw.ts';
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

/** wrk by itself tells "Non-2xx" apart from the rest and no more. */
const SCRIPT = `
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args) counts = {}; seen = "" end
function response(status)
  if counts[status] == nil then counts[status] = 0; seen = seen .. status .. " " end
  counts[status] = counts[status] + 1
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
const LONGEST_S = 15;

export interface Weight {
  /** Ends the load; resolves with what wrk counted. */
  lift(): Promise<WrkReport>;
}

/** Runs wrk on eight connections that it keeps open, until it is lifted. */
export function wrk(scope: Scope, at: Address, path: string, headers: readonly string[]): Weight {
  const script = join(tempDir(scope), 'count.lua');
  writeFileSync(script, SCRIPT);
  const fields = headers.flatMap((line) => ['-H', line]);
  const url = `http://${at.host}:${at.port}${path}`;
  const child = spawn(partPath('wrk'), ['-t1', '-c8', `-d${LONGEST_S}s`, '-s', script, ...fields, url]);
  scope.after(() => child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  const lift = async () => {
    child.kill('SIGINT'); // it stops and reports
    await ended;
    return reportOf(text);
  };
  return { lift };
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
    while (!isOver) {
      const began = performance.now();
      const said = await once(agent, at, path, headers);
      answers.push({ ...said, began, ended: performance.now() });
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

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
