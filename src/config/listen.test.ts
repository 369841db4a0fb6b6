import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { selfSigned } from '../server/self-signed.ts';
import { loadConfig } from './load.ts';
import type { Settings } from './settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'lintel-listen-'));
after(() => rmSync(directory, { recursive: true }));

const at = (name: string) => join(directory, name);

/** Writes NAME.pem and NAME.key. */
function certify(name: string, host: string): { readonly cert: string; readonly key: string } {
  const now = Date.UTC(2026, 0, 1);
  return selfSigned({ cert: at(`${name}.pem`), key: at(`${name}.key`) }, [host], now).pair;
}

const APP = 'apps: {w: {url: https://w.x.org, upstream: http://127.0.0.1:1, access: [{allow: signed_in}]}}\n';

async function load(text: string): Promise<{ readonly settings: Settings | undefined; readonly said: string[] }> {
  writeFileSync(at('l.yml'), `${APP}${text}`);
  const loaded = await loadConfig(['l.yml'], {}, directory);
  const problems = loaded.ok ? loaded.warnings : loaded.problems;
  const said = problems.map((p) => `${p.line}:${p.column} ${p.severity} ${p.message} | ${p.hint ?? ''}`);
  return { settings: loaded.ok ? loaded.settings : undefined, said };
}

async function settingsOf(text: string): Promise<Settings> {
  const { settings, said } = await load(text);
  assert.ok(settings, said.join('\n'));
  return settings;
}

test("the ports of authentik's outpost, on every address, without a certificate of one's own", async () => {
  const s = await settingsOf('listen: [":9000", "https://:9443"]\nmetrics: ":9300"\nstorage: sqlite:data/l.db');
  const tcp = { kind: 'tcp', host: '::', tls: undefined, redirect: false } as const;
  assert.deepEqual(s.listen, [
    { ...tcp, port: 9000 },
    { ...tcp, port: 9443, tls: [] },
  ]);
  assert.deepEqual(s.metrics, { ...tcp, port: 9300 });
  const kept = join(directory, 'data', 'lintel-selfsigned');
  assert.deepEqual(s.selfSigned, { cert: `${kept}.pem`, key: `${kept}.key` });
});

test('without a database the certificate is kept beside the configuration', async () => {
  const { selfSigned: kept } = await settingsOf('listen: https://:9443');
  assert.deepEqual(kept, { cert: at('lintel-selfsigned.pem'), key: at('lintel-selfsigned.key') });
});

test('listening nowhere names both usual choices', async () => {
  const { said } = await load('listen: []');
  const [line = ''] = said.filter((text) => text.includes('listens nowhere'));
  for (const part of ['[127.0.0.1:9091]', '[":9000", "https://:9443"]', 'metrics: ":9300"']) {
    assert.ok(line.includes(part), line);
  }
});

test('one certificate, several, and those that apps bring along', async () => {
  const [one, two, own] = [certify('one', 'one.x.org'), certify('two', 'two.x.org'), certify('own', 'w.x.org')];
  const pair = (name: string) => `{cert: ${name}.pem, key: ${name}.key}`;
  const single = await settingsOf(`listen: https://:1\ntls: ${pair('one')}`);
  assert.deepEqual(single.listen[0], { kind: 'tcp', host: '::', port: 1, tls: [one], redirect: false });
  assert.deepEqual(
    single.watch.filter((f) => /one/.test(f)),
    [at('one.pem'), at('one.key')],
  );
  const many = await settingsOf(`listen: https://:1\ntls: [${pair('one')}, ${pair('two')}]`);
  assert.deepEqual(many.listen[0]?.kind === 'tcp' && many.listen[0].tls, [one, two]);
  const entry = await settingsOf(`listen: [{address: https://:1, tls: ${pair('two')}}]\ntls: ${pair('one')}`);
  assert.deepEqual(entry.listen[0]?.kind === 'tcp' && entry.listen[0].tls, [two]);
  writeFileSync(at('l.yml'), `${APP.replace('{url', `{tls: ${pair('own')}, url`)}listen: https://:1`);
  const loaded = await loadConfig(['l.yml'], {}, directory);
  assert.deepEqual(loaded.ok && loaded.settings.appCertificates, [own]);
});

test('a certificate that cannot be served is told at its line', async () => {
  certify('good', 'good.x.org');
  certify('other', 'other.x.org');
  writeFileSync(at('none.pem'), 'nothing');
  const lines: readonly (readonly [string, string, string])[] = [
    ['absent.pem', 'good.key', '3:13 error absent.pem cannot be read: ENOENT. | Name a PEM file with a certificate'],
    ['good.pem', 'absent.key', '3:28 error absent.key cannot be read: ENOENT. | Name a PEM file with a private key'],
    ['none.pem', 'good.key', '3:13 error none.pem holds no certificate in PEM. |'],
    ['good.pem', 'none.pem', '3:28 error none.pem holds no private key in PEM. |'],
    ['good.pem', 'other.key', '3:13 error The certificate good.pem was not made for the key other.key. |'],
  ];
  for (const [cert, key, wanted] of lines) {
    const { settings, said } = await load(`listen: https://:1\ntls: {cert: ${cert}, key: ${key}}`);
    assert.equal(settings, undefined, wanted);
    assert.ok(
      said.some((text) => text.startsWith(wanted)),
      `${wanted}\n${said.join('\n')}`,
    );
  }
  copyFileSync(at('good.pem'), at('chain.pem'));
  assert.ok((await load('listen: https://:1\ntls: {cert: chain.pem, key: good.key}')).settings);
  assert.match(
    (await load('listen: https://:1\ntls: []')).said.join('\n'),
    /3:6 error The list of certificates is empty\./,
  );
});

test('only plain HTTP on a port sends people to https', async () => {
  const s = await settingsOf('listen: [{address: ":80", redirect: https}, https://:443]');
  assert.deepEqual(
    s.listen.map((l) => l.kind === 'tcp' && l.redirect),
    [true, false],
  );
  for (const address of ['https://:443', 'unix:/x.sock']) {
    const { said } = await load(`listen: [{address: "${address}", redirect: https}]`);
    assert.match(said.join('\n'), /2:\d+ error Only a listener of plain HTTP on a port can send people to https\./);
  }
  const { said } = await load('listen: [{address: ":80", redirect: http}]');
  assert.match(said.join('\n'), /error .*https/);
});
