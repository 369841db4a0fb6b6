import { Worker } from 'node:worker_threads';
import type { HashAnswer } from './hash-worker.ts';

export interface HashJob {
  readonly hash: string;
  readonly password: string;
  /** Asked when a worker is free. After `later` the job is asked again when another one ends. */
  start(): 'run' | 'later' | 'never';
  /** Called once: the answer of the worker, `failed` also when the worker died, or `never`. */
  settle(answer: HashAnswer | 'never'): void;
}

/** Idle workers go after this time: each holds several megabytes. */
const IDLE_MS = 30_000;
const SCRIPT = new URL('./hash-worker.ts', import.meta.url);

/**
 * Worker threads of their own for password hashes. libuv's pool would do the work too, but it also serves files and
 * DNS, and four argon2 checks would stop both. Started when needed, never more than `size`; a dead one is replaced.
 */
export class HashPool {
  readonly #size: number;
  readonly #queueLimit: number;
  readonly #script: URL;
  readonly #waiting: HashJob[] = [];
  readonly #idle: HashWorker[] = [];
  readonly #busy = new Set<HashWorker>();
  #isClosed = false;

  constructor(size: number, queueLimit: number, script = SCRIPT) {
    this.#size = size;
    this.#queueLimit = queueLimit;
    this.#script = script;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes the job in, or returns false when as many as allowed wait already. */
  submit(job: HashJob): boolean {
    if (this.#isClosed || this.#waiting.length >= this.#queueLimit + this.#free()) return false;
    this.#waiting.push(job);
    this.#pump();
    return true;
  }

  /** Ends the workers. Jobs under way or waiting settle as `failed`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const job of this.#waiting.splice(0)) job.settle('failed');
    await Promise.all([...this.#idle.splice(0), ...this.#busy].map((worker) => worker.end()));
  }

  #free(): number {
    return this.#size - this.#busy.size;
  }

  #pump(): void {
    for (let i = 0; i < this.#waiting.length && this.#free() > 0; ) {
      const job = this.#waiting[i];
      const verdict = job?.start();
      if (job === undefined || verdict === 'later') {
        i++;
        continue;
      }
      this.#waiting.splice(i, 1);
      if (verdict === 'run') this.#run(job);
      else job.settle('never');
    }
  }

  #run(job: HashJob): void {
    const worker = this.#idle.pop() ?? new HashWorker(this.#script);
    this.#busy.add(worker);
    worker.run(job, (answer) => {
      this.#busy.delete(worker);
      if (worker.isAlive && !this.#isClosed) this.#rest(worker);
      job.settle(answer);
      this.#pump();
    });
  }

  #rest(worker: HashWorker): void {
    this.#idle.push(worker);
    worker.afterIdle(IDLE_MS, () => {
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
  }
}

/** One thread and the job it has. It keeps the process alive only while it has one. */
class HashWorker {
  readonly #thread: Worker;
  #answer: ((answer: HashAnswer) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  isAlive = true;

  constructor(script: URL) {
    this.#thread = new Worker(script, { env: {}, execArgv: [], name: 'lintel-passwords' });
    this.#thread.unref();
    this.#thread.on('message', (answer: HashAnswer) => this.#settle(answer));
    this.#thread.on('error', () => this.#die());
    this.#thread.on('exit', () => this.#die());
  }

  run(job: HashJob, answer: (answer: HashAnswer) => void): void {
    clearTimeout(this.#timer);
    this.#answer = answer;
    this.#thread.ref();
    this.#thread.postMessage({ hash: job.hash, password: job.password });
    if (!this.isAlive) this.#settle('failed');
  }

  afterIdle(ms: number, ended: () => void): void {
    this.#timer = setTimeout(() => {
      ended();
      void this.end();
    }, ms).unref();
  }

  async end(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#thread.terminate();
  }

  #settle(answer: HashAnswer): void {
    const settle = this.#answer;
    this.#answer = undefined;
    this.#thread.unref();
    settle?.(answer);
  }

  #die(): void {
    this.isAlive = false;
    this.#settle('failed');
  }
}
