/** Runs every transcript beside this file through ./bin/lintel. UPDATE_TRANSCRIPTS=1 writes down what is seen instead. */
import { equal } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { parseTranscript, type Seen, shown, words, writeTranscript } from './transcript.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const UPDATE = process.env.UPDATE_TRANSCRIPTS === '1';

describe('transcripts', { concurrency: 2 }, () => {
  for (const file of globSync('*.txt', { cwd: import.meta.dirname })) {
    test(file, { timeout: 600_000 }, async () => {
      const path = join(import.meta.dirname, file);
      const transcript = parseTranscript(readFileSync(path, 'utf8'));
      const directory = realpathSync(mkdtempSync(join(tmpdir(), 'lintel-transcript-')));
      try {
        for (const [name, text] of transcript.files) writeFileSync(join(directory, name), text);
        const outputs: string[] = [];
        for (const { command, expected } of transcript.runs) {
          const output = shown(await run(words(command), directory), directory);
          if (!UPDATE) equal(output, expected, `$ ${command}`);
          outputs.push(output);
        }
        if (UPDATE) writeFileSync(path, writeTranscript(transcript, outputs));
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }
});

function run([program, ...args]: string[], cwd: string): Promise<Seen> {
  equal(program, 'lintel', 'a transcript runs lintel and nothing else');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'lintel'), ...args], {
      cwd,
      env: { PATH: `${join(ROOT, 'bin')}${delimiter}${process.env.PATH}`, HOME: cwd },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ out, err, code: code ?? -1 }));
  });
}
