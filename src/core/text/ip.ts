/**
 * Addresses and networks.
 *
 *   IPv4    = 4 decimal octets, no leading zero          (RFC 6943 §3.1.1: no inet_aton forms)
 *   IPv6    = RFC 4291 §2.2 text, `::` at most once, IPv4 tail allowed, no zone id
 *   network = address [ "/" prefix ]
 *
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d, in any spelling) *is* the IPv4 address, so that a rule for 10.0.0.0/8
 * cannot be dodged by spelling (CWE-1389).
 */
export interface Ip {
  /** 128 bits, network order, in four unsigned 32-bit words; IPv4 as ::ffff:a.b.c.d. */
  readonly words: readonly [number, number, number, number];
}

export interface Network {
  readonly words: readonly [number, number, number, number];
  readonly masks: readonly [number, number, number, number];
}

const MAPPED = 0xffff;

/** Parses one address; undefined when it is not exactly one. Port, brackets and zone ids are not addresses. */
export function parseIp(text: string): Ip | undefined {
  if (text.includes(':')) return parseV6(text);
  const v4 = parseV4(text);
  return v4 === undefined ? undefined : { words: [0, 0, MAPPED, v4] };
}

function parseV4(text: string): number | undefined {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x2e) {
      if (octet < 0 || ++dots > 3) return undefined;
      value = value * 256 + octet;
      octet = -1;
    } else if (c >= 0x30 && c <= 0x39) {
      if (octet === 0) return undefined; // "012": octal to some, decimal to others
      octet = octet < 0 ? c - 0x30 : octet * 10 + c - 0x30;
      if (octet > 255) return undefined;
    } else return undefined;
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : undefined;
}

function parseV6(text: string): Ip | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const word = (i: number) => (all[i] ?? 0) * 65536 + (all[i + 1] ?? 0);
  return { words: [word(0), word(2), word(4), word(6)] };
}

function groups(text: string, v4Allowed: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const out: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (v4Allowed && i === parts.length - 1 && part.includes('.')) {
      const v4 = parseV4(part);
      if (v4 === undefined) return undefined;
      out.push(Math.floor(v4 / 65536), v4 % 65536);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      out.push(Number.parseInt(part, 16));
    }
  }
  return out.length <= 8 ? out : undefined;
}

/** Parses `address` or `address/prefix`; host bits may be set, as Authelia's `fec0::1/64` does. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (ip === undefined) return undefined;
  const v4 = !text.includes(':');
  let bits = 128;
  if (slash >= 0) {
    const prefix = text.slice(slash + 1);
    if (!/^(0|[1-9][0-9]{0,2})$/.test(prefix)) return undefined;
    bits = Number(prefix) + (v4 ? 96 : 0);
    if (bits > 128) return undefined;
  }
  const mask = (i: number) => {
    const n = Math.min(32, Math.max(0, bits - i * 32));
    return n === 0 ? 0 : (0xffffffff << (32 - n)) >>> 0;
  };
  const masks = [mask(0), mask(1), mask(2), mask(3)] as const;
  const w = ip.words;
  return {
    masks,
    words: [(w[0] & masks[0]) >>> 0, (w[1] & masks[1]) >>> 0, (w[2] & masks[2]) >>> 0, (w[3] & masks[3]) >>> 0],
  };
}

/** IPv4 addresses lie in networks of IPv4 only, however those are spelled: `::/0` is every address of IPv6. */
export function contains(network: Network, ip: Ip): boolean {
  const { words: n, masks: m } = network;
  const w = ip.words;
  if (m[2] !== 0xffffffff && w[2] === MAPPED && w[1] === 0 && w[0] === 0) return false;
  return (
    (w[3] & m[3]) >>> 0 === n[3] &&
    (w[2] & m[2]) >>> 0 === n[2] &&
    (w[1] & m[1]) >>> 0 === n[1] &&
    (w[0] & m[0]) >>> 0 === n[0]
  );
}

/** True when some address lies in both networks. */
export function overlaps(a: Network, b: Network): boolean {
  for (const i of [0, 1, 2, 3] as const) {
    const mask = (a.masks[i] & b.masks[i]) >>> 0;
    if ((a.words[i] & mask) >>> 0 !== (b.words[i] & mask) >>> 0) return false;
  }
  return true;
}

/** Canonical text: dotted quad for IPv4 (mapped or not), eight hex groups with the first longest zero run cut for IPv6. */
export function formatIp(ip: Ip): string {
  const [a, b, c, d] = ip.words;
  if (a === 0 && b === 0 && c === MAPPED) return [24, 16, 8, 0].map((s) => (d >>> s) & 255).join('.');
  const parts = ip.words.flatMap((w) => [Math.floor(w / 65536), w % 65536]);
  let [from, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && parts[i + n] === 0) n++;
    if (n > length) [from, length] = [i, n];
  }
  const hex = parts.map((p) => p.toString(16));
  if (from < 0) return hex.join(':');
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + length).join(':')}`;
}

/** The part of an address that one household or machine controls: IPv4 whole, IPv6 its /64. For throttling. */
export function throttleKey(ip: Ip): string {
  const [a, b, c] = ip.words;
  if (a === 0 && b === 0 && c === MAPPED) return formatIp(ip);
  return `${formatIp({ words: [a, b, 0, 0] })}/64`;
}

/** This very machine: 127.0.0.0/8 (RFC 1122 §3.2.1.3) and ::1 (RFC 4291 §2.5.3). */
export function isLoopback({ words }: Ip): boolean {
  const [a, b, c, d] = words;
  if (a !== 0 || b !== 0) return false;
  return c === MAPPED ? d >>> 24 === 127 : c === 0 && d === 1;
}
