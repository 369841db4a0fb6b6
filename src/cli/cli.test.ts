import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { keptIo } from '../../test/cli/io.ts';
import { runCli, version } from './cli.ts';
import { columns, inkFor, patiently, printable } from './terminal.ts';

test('--version is the version of package.json', async () => {
  const io = keptIo();
  equal(await runCli(['--version'], io), 0);
  equal(io.said, `lintel ${version()}\n`);
  match(version(), /^\d+\.\d+\.\d+/);
});

test('an unknown command is answered with the one that was meant', async () => {
  for (const [given, says] of [
    ['serv', 'Did you mean "lintel serve"?'],
    ['exlpain', 'Did you mean "lintel explain"?'],
    ['frobnicate', 'Run "lintel --help" for the list.'],
  ] as const) {
    const io = keptIo();
    equal(await runCli([given], io), 2);
    equal(io.complained, `lintel: there is no command "${given}". ${says}\n`);
    equal(io.said, '');
  }
});

test('what a terminal acts on is never printed', async () => {
  const io = keptIo();
  equal(await runCli(['\u001b]0;owned\u0007'], io), 2);
  equal(io.complained.includes('\u001b'), false);
  equal(printable('a\u202eb\r\n'), 'a\\u202eb\\u000d\\u000a');
});

test('columns are aligned by what is seen', () => {
  const ink = inkFor(keptIo({ colour: true }));
  equal(
    columns([
      [ink.good('a'), 'b'],
      ['ccc', 'dd'],
    ]),
    `  ${ink.good('a')}    b\n  ccc  dd\n`,
  );
  equal(inkFor(keptIo()).good('a'), 'a');
});

test('work of more than a second says what it is about', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const io = keptIo();
  const work = Promise.withResolvers<number>();
  const waiting = patiently(io, 'Reading', work.promise);
  t.mock.timers.tick(999);
  equal(io.complained, '');
  t.mock.timers.tick(1);
  equal(io.complained, 'Reading…\n');
  work.resolve(3);
  equal(await waiting, 3);
});
