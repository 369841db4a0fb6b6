import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../core/app.ts';
import { NO_CONDITIONS, type Rule } from '../core/policy/rule.ts';
import { ANONYMOUS } from '../core/subject.ts';
import { createAudit } from './audit.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';

const place = { file: 'lintel.yml', line: 1, column: 1 };
const rule: Rule = { ...NO_CONDITIONS, place, label: 'app wiki, bindings', outcome: { kind: 'deny' } };

function appWith(rules: readonly Rule[]): App {
  return { name: 'wiki', title: 'wiki', urls: [], profile: undefined, upstream: undefined, origins: [], rules };
}

test('a denial names its rule, or says that none of the app matched, or that the default holds', () => {
  const said: unknown[] = [];
  const log: Log = {
    isEnabled: () => true,
    flush: () => undefined,
    write: (_level, _message, fields) => void said.push([fields?.rule, fields?.reason]),
  };
  const audit = createAudit(log, createMetrics());
  const grounds = [
    { rule, app: appWith([rule]) },
    { rule: undefined, app: appWith([rule]) },
    { rule: undefined, app: appWith([]) },
    { rule: undefined, app: undefined },
  ];
  for (const ground of grounds) {
    const reason = { kind: ground.rule === undefined ? 'default' : 'rule' } as const;
    audit.record({
      kind: 'decision',
      decision: { kind: 'deny', reason, subject: ANONYMOUS, ground },
      target: undefined,
      subject: ANONYMOUS,
      dialect: 'direct',
      peer: { kind: 'unix' },
      durationMs: 1,
    });
  }
  assert.deepEqual(said, [
    ['app wiki, bindings', 'rule'],
    ['no rule of app wiki matched', 'default'],
    ['default', 'default'],
    ['default', 'default'],
  ]);
});
