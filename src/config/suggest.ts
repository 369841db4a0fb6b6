/** The candidate somebody most likely meant, or undefined when none is near. */
export function suggest(typed: string, candidates: Iterable<string>): string | undefined {
  const folded = fold(typed);
  let best: string | undefined;
  let least = Math.max(1, Math.floor(folded.length / 3)) + 1;
  for (const candidate of candidates) {
    const d = distance(folded, fold(candidate));
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

/** Letter case and the dash or underscore between words are not what people get wrong. */
function fold(text: string): string {
  return text.toLowerCase().replace(/[-_ ]/g, '').slice(0, 64);
}

/** Edits between two words: insert, delete, replace, swap of neighbours (optimal string alignment). */
export function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(rows, i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let d = Math.min(at(rows, i - 1, j) + 1, (row[j - 1] ?? 0) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, at(rows, i - 2, j - 2) + 1);
      row.push(d);
    }
    rows.push(row);
  }
  return at(rows, a.length, b.length);
}

function at(rows: readonly (readonly number[])[], i: number, j: number): number {
  return rows[i]?.[j] ?? 0;
}

/** "a, b or c". */
export function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
