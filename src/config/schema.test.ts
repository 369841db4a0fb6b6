import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULTS } from './defaults.ts';
import { SCHEMA } from './layers.ts';
import { configuration } from './schema.ts';
import { SCHEMA_TEXT } from './schema-json.ts';
import { mismatches } from './shape.ts';
import { schemaText } from './write-schema.ts';

test('schema-json.ts is what schema.ts makes', () => {
  assert.equal(SCHEMA_TEXT, schemaText(), 'run ./bin/node src/config/write-schema.ts');
});

test('an editor can say of every key what it is for', () => {
  const silent: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key !== 'properties') visit(value, path);
      else
        for (const [name, of] of Object.entries<object>(value)) {
          if (!('description' in of) && !('$ref' in of)) silent.push(`${path}.${name}`);
          visit(of, `${path}.${name}`);
        }
    }
  };
  visit(JSON.parse(SCHEMA_TEXT), '');
  assert.deepEqual(silent, []);
});

test('the defaults conform', () => {
  assert.deepEqual(mismatches(DEFAULTS, SCHEMA), []);
});

/** Mostly right, so that both answers are common. */
function mostly<T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  const wrong = fc.constantFrom<unknown>('x', 5, -1, 1.5, true, false, null, [], {}, ['x'], [['x']], [5], [[5]], {
    x: 1,
  });
  return fc.oneof({ weight: 30, arbitrary: right }, { weight: 1, arbitrary: wrong });
}
const some = { requiredKeys: [] };
const text = mostly(fc.constantFrom('x', '5m', 'GET'));
const time = mostly(fc.constantFrom<unknown>('5m', 60));
const words = mostly(fc.oneof(fc.constant('x'), fc.array(text, { maxLength: 2 })));
const query = mostly(fc.record({ key: text, value: mostly(fc.constantFrom<unknown>('x', 1, true)) }));
const rule = fc.record(
  {
    paths: words,
    methods: words,
    query: mostly(fc.array(fc.array(query, { maxLength: 2 }), { maxLength: 2 })),
    subjects: mostly(fc.oneof(fc.constant('user:x'), fc.array(words, { maxLength: 2 }))),
    allow: words,
    level: mostly(fc.constantFrom('one_factor', 'two_factor')),
  },
  some,
);
const rules = mostly(fc.array(mostly(rule), { maxLength: 2 }));
const header = mostly(fc.oneof(fc.constant('X'), fc.record({ name: text, separator: text })));
const app = mostly(
  fc.record({ url: words, headers: mostly(fc.record({ user: header, groups: header }, some)), access: rules }),
);
const listener = mostly(fc.record({ address: text, tls: mostly(fc.record({ cert: text, key: text })) }));
const whole = fc.record(
  {
    listen: mostly(fc.oneof(fc.constant('x'), fc.array(fc.oneof(text, listener), { maxLength: 2 }))),
    users: mostly(fc.oneof(fc.constant('x'), fc.record({ file: text, search_email: mostly(fc.boolean()) }))),
    session: mostly(fc.record({ idle: time, remember_me: mostly(fc.constantFrom<unknown>('off', false, 5)) }, some)),
    apps: mostly(fc.dictionary(fc.constantFrom('a', 'b'), app)),
    policy: mostly(fc.record({ default: mostly(fc.constant('deny')), rules }, some)),
    throttle: mostly(fc.record({ max_retries: mostly(fc.nat()) })),
    grpc: mostly(fc.oneof(fc.constantFrom<unknown>('127.0.0.1:9092', false), listener)),
    metrics: mostly(fc.constantFrom<unknown>('off', false)),
  },
  some,
);

test('the own validator accepts exactly what zod accepts', () => {
  let accepted = 0;
  fc.assert(
    fc.property(whole, (value) => {
      const ours = mismatches(value, SCHEMA).length === 0;
      if (ours) accepted++;
      assert.equal(ours, configuration.safeParse(value).success);
    }),
    { numRuns: 2000 },
  );
  assert.ok(accepted > 200 && accepted < 1800, `${accepted} of 2000 samples were valid`);
});
