import type { Histogram as HistogramClass, Registry } from 'prom-client';
import { lazy } from '../core/lazy.ts';
import { VERSION } from './version.ts';

/**
 * Counters as plain numbers, because they stand on the hot path; prom-client is loaded at the first scrape and only
 * writes them out. Labels are few and fixed: no host, user or path ever becomes one.
 */
export interface Metrics {
  decided(dialect: string, outcome: string, durationMs: number): void;
  signedIn(result: string): void;
  signedOut(): void;
  appPassword(event: string): void;
  faulted(id: string): void;
  touchFailed(): void;
  /** Prometheus text format 0.0.4. */
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Upper bounds in seconds: a check costs tens of microseconds, a cold password a quarter of a second. */
const BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1] as const;

/** Whether what stands in the files is in force: false after a change that was refused, while what was in force before stays. */
export interface InForce {
  configuration(): boolean;
  users(): boolean;
}

const ALL: InForce = { configuration: () => true, users: () => true };

export function createMetrics(inForce: InForce = ALL): Metrics {
  const decisions = new Counts();
  const signIns = new Counts();
  const appPasswords = new Counts();
  const faults = new Counts();
  const plain = { signOuts: 0, touchFailures: 0, durationSum: 0, durationCount: 0 };
  const buckets = new Array<number>(BOUNDS.length).fill(0);
  const read = (): Snapshot => ({ decisions, signIns, appPasswords, faults, buckets, ...plain });
  const registry = lazy(() => buildRegistry(read, inForce));
  return {
    decided(dialect, outcome, durationMs) {
      decisions.add(dialect, outcome);
      plain.durationCount++;
      plain.durationSum += durationMs / 1000;
      let i = 0;
      while (i < BOUNDS.length && durationMs / 1000 > (BOUNDS[i] ?? 0)) i++;
      if (i < buckets.length) buckets[i] = (buckets[i] ?? 0) + 1;
    },
    signedIn: (result) => signIns.add(result, ''),
    signedOut: () => void plain.signOuts++,
    appPassword: (event) => appPasswords.add(event, ''),
    faulted: (id) => faults.add(id, ''),
    touchFailed: () => void plain.touchFailures++,
    async exposition() {
      const built = await registry();
      return { contentType: built.contentType, text: await built.metrics() };
    },
  };
}

/** Numbers by two labels. */
class Counts {
  readonly #by = new Map<string, Map<string, number>>();

  add(first: string, second: string): void {
    let inner = this.#by.get(first);
    if (inner === undefined) {
      inner = new Map();
      this.#by.set(first, inner);
    }
    inner.set(second, (inner.get(second) ?? 0) + 1);
  }

  *entries(): Iterable<readonly [string, string, number]> {
    for (const [first, inner] of this.#by) for (const [second, n] of inner) yield [first, second, n];
  }
}

interface Snapshot {
  readonly decisions: Counts;
  readonly signIns: Counts;
  readonly appPasswords: Counts;
  readonly faults: Counts;
  readonly buckets: readonly number[];
  readonly signOuts: number;
  readonly touchFailures: number;
  readonly durationSum: number;
  readonly durationCount: number;
}

async function buildRegistry(read: () => Snapshot, inForce: InForce): Promise<Registry> {
  const prom = await import('prom-client');
  const registry = new prom.Registry();
  prom.collectDefaultMetrics({ register: registry, prefix: 'lintel_' });
  const counter = (name: string, help: string, labelNames: string[], rows: (s: Snapshot) => Iterable<Row>) =>
    new prom.Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const [labels, n] of rows(read())) this.inc(labels, n);
      },
    });
  counter('lintel_decisions_total', 'Decisions by dialect and outcome.', ['dialect', 'outcome'], function* (s) {
    for (const [dialect, outcome, n] of s.decisions.entries()) yield [{ dialect, outcome }, n];
  });
  counter('lintel_sign_ins_total', 'Sign-in attempts by result.', ['result'], function* (s) {
    for (const [result, , n] of s.signIns.entries()) yield [{ result }, n];
  });
  counter('lintel_app_passwords_total', 'App passwords added, revoked and used first.', ['event'], function* (s) {
    for (const [event, , n] of s.appPasswords.entries()) yield [{ event }, n];
  });
  counter('lintel_faults_total', 'Faults by error id.', ['id'], function* (s) {
    for (const [id, , n] of s.faults.entries()) yield [{ id }, n];
  });
  counter('lintel_sign_outs_total', 'Sign-outs.', [], function* (s) {
    yield [{}, s.signOuts];
  });
  counter('lintel_touch_failures_total', 'Session touches that the store refused.', [], function* (s) {
    yield [{}, s.touchFailures];
  });
  const gauge = (name: string, help: string, value: () => number, labels: Record<string, string> = {}) =>
    new prom.Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [registry],
      collect() {
        this.set(labels, value());
      },
    });
  const config = 'Whether the last change of the configuration was taken up; 0: it has errors, and the old one stays.';
  gauge('lintel_config_last_reload_successful', config, () => Number(inForce.configuration()));
  const users = 'Whether the last change of the user file was taken up; 0: it has errors, and the old accounts stay.';
  gauge('lintel_users_last_reload_successful', users, () => Number(inForce.users()));
  gauge('lintel_info', 'Which Lintel this is.', () => 1, { version: VERSION });
  registerHistogram(prom.Histogram, registry, read);
  return registry;
}

type Row = readonly [Record<string, string>, number];

/** prom-client has no way to load bucket counts, so its own reading of them is replaced. */
function registerHistogram(Histogram: typeof HistogramClass, registry: Registry, read: () => Snapshot): void {
  const name = 'lintel_decision_duration_seconds';
  const help = 'Time from request to decision.';
  const get = async () => {
    const s = read();
    let sum = 0;
    const values = BOUNDS.map((le, i) => {
      sum += s.buckets[i] ?? 0;
      return { labels: { le }, value: sum, metricName: `${name}_bucket` };
    });
    return {
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: [
        ...values,
        { labels: { le: '+Inf' }, value: s.durationCount, metricName: `${name}_bucket` },
        { labels: {}, value: s.durationSum, metricName: `${name}_sum` },
        { labels: {}, value: s.durationCount, metricName: `${name}_count` },
      ],
    };
  };
  // Text is made from the second one.
  Object.assign(new Histogram({ name, help, buckets: [...BOUNDS], registers: [registry] }), {
    get,
    getForPromString: get,
  });
}
