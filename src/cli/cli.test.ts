import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { keptIo } from '../../test/cli/io.ts';
import { VERSION } from '../ops/version.ts';
import { runCli } from './cli.ts';
import { columns, inkFor, pasteable, patiently, printable } from './terminal.ts';

test('--version is the version of package.json', async () => {
  const io = keptIo();
  equal(await runCli(['--version'], io), 0);
  equal(io.said, `lintel ${VERSION}\n`);
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

test('what was most likely meant is said, and a command to type next can be pasted', async () => {
  for (const [args, says] of [
    [['serve', 'lintel.yml'], '"lintel.yml" is one word too many: write --config lintel.yml.'],
    [['serve', '--config', 'a.yml', 'b'], '"b" is one word too many.'],
    [['explain', '--usr', 'x'], 'there is no option --usr. Did you mean --user?'],
    [['explain', '--frobnicate'], 'there is no option --frobnicate.'],
  ] as const) {
    const io = keptIo({ env: { INVOKED_LINTEL_AS: './bin/lintel' } });
    equal(await runCli(args, io), 2);
    equal(io.complained, `lintel ${args[0]}: ${says} Run "./bin/lintel ${args[0]} --help" for what it takes.\n`);
  }
  const help = keptIo({ env: { INVOKED_LINTEL_AS: 'npx lintel' } });
  equal(await runCli(['help'], help), 0);
  match(help.said, /\nStart with npx lintel demo:/);
  equal(await runCli(['demo', '--help'], help), 0);
  match(help.said, /\nExample\n {2}npx lintel demo --port 8000\n/);
});

test('commands in sentences name the files that were named, where they take any and name none', () => {
  const io = keptIo({ env: { INVOKED_LINTEL_AS: './bin/lintel' } });
  const args = ['set', 'bob', '--config', "it's.yml", '--config=b.yml', '--group', 'x'];
  const naming = "--config 'it'\\''s.yml' --config b.yml";
  for (const [text, said] of [
    ['Use "lintel users set bob".', `Use "./bin/lintel users set bob ${naming}".`],
    ['"lintel users list" or "lintel serve"', `"./bin/lintel users list ${naming}" or "./bin/lintel serve ${naming}"`],
    ['Run "lintel users --help".', 'Run "./bin/lintel users --help".'],
    ['Run "lintel --help".', 'Run "./bin/lintel --help".'],
    ['Run "lintel users add NAME --file /x".', 'Run "./bin/lintel users add NAME --file /x".'],
    ['lintel users: "lintel" is no command', 'lintel users: "lintel" is no command'],
  ] as const) {
    equal(pasteable(text, io, args), said);
  }
  equal(pasteable('"lintel users list"', io, ['--file', 'u.yml']), '"./bin/lintel users list --file u.yml"');
  equal(pasteable('"lintel users list"', io, ['--config', 'a\u001b.yml']).includes('\u001b'), false);
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
