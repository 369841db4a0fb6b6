/** What an app that trusts headers makes of a request. */
export interface Arrived {
  readonly user: string;
  readonly name: string;
  readonly email: string;
  readonly groups: readonly string[];
  /** Every header line, in order, as text. */
  readonly headers: readonly Header[];
}

export interface Header {
  readonly name: string;
  readonly value: string;
}

/** `raw`: Node's `rawHeaders`. Values are UTF-8, which Node hands over one character for each byte. */
export function arrivedWith(raw: readonly string[]): Arrived {
  const headers: Header[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    headers.push({ name: raw[i] ?? '', value: Buffer.from(raw[i + 1] ?? '', 'latin1').toString('utf8') });
  }
  const value = (name: string) => headers.findLast((h) => h.name.toLowerCase() === name)?.value ?? '';
  return {
    user: value('remote-user'),
    name: value('remote-name'),
    email: value('remote-email'),
    groups: value('remote-groups')
      .split(',')
      .filter((g) => g !== ''),
    headers,
  };
}

/** The headers that say who somebody is. */
export function isIdentity(name: string): boolean {
  return name.toLowerCase().startsWith('remote-');
}

/** One sentence: who this is to the app. */
export function described({ user, name, groups }: Arrived): string {
  if (user === '') return 'You are nobody here: no user name reached this app.';
  const called = name === '' || name === user ? user : `${name} (${user})`;
  if (groups.length === 0) return `You are ${called}, in no group.`;
  return `You are ${called}, in the ${groups.length === 1 ? 'group' : 'groups'} ${groups.join(', ')}.`;
}
