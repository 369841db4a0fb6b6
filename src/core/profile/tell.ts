import type { App } from '../app.ts';
import type { AssertionSigner } from '../assertion.ts';
import { additionalHeaders, mergeAttributes } from '../attributes.ts';
import type { Routing } from '../expression.ts';
import { type JsonObject, member } from '../json.ts';
import type { Level, User, Who } from '../subject.ts';
import { base64 } from '../text/base64.ts';
import { foldName } from '../text/header-list.ts';
import { type Encoding, exactHeaderValue, headerValue, utf8Bytes } from '../text/header-value.ts';
import type { Profile, ProfileHeader } from './profile.ts';

/** What an app is told. Lists are the same object as long as they say the same, so that answers can be kept by them. */
export interface Told {
  /** Flat (name, value, …) and total: every owned name of the app, empty when there is nothing to say (GHSA-7r4p-vjf4-gxv4). */
  readonly identity: readonly string[];
  /** In place of the client's `Authorization`; undefined: Lintel has none to give. */
  readonly authorization: string | undefined;
}

/** For answers that let nobody through. */
export const NOTHING_TOLD: Told = { identity: [], authorization: undefined };

export interface Tell {
  /** True: telling about somebody takes a signer that is `ready`. */
  readonly asserts: boolean;
  /** `now`: milliseconds since the epoch. */
  to(who: Who | undefined, now: number): Told;
}

/** What headers can tell that is the same for everybody. */
export interface TellFacts {
  /** Every name that an account's or a group's `additionalHeaders` may set now; another array after a change. */
  readonly headerNames: () => readonly string[];
  /** Undefined: assertions are not signed here, and their header stays empty. */
  readonly signer: AssertionSigner | undefined;
  /** The portal's origin; empty without one. */
  readonly issuer: string;
  readonly jwks: string;
  readonly outpost: string;
  /** name/version */
  readonly version: string;
}

const NOTHING_KNOWN: readonly string[] = [];
export const NO_FACTS: TellFacts = {
  headerNames: () => NOTHING_KNOWN,
  signer: undefined,
  issuer: '',
  jwks: '',
  outpost: '',
  version: '',
};

interface Kept extends Told {
  readonly level: Level;
  readonly routing: Routing | undefined;
  readonly freshUntil: number;
}

/** Remembers what each person's headers are for one app, until the person's data, the known names or an assertion change. */
export function compileTell(profile: Profile, app: App | undefined, facts: TellFacts): Tell {
  const template = new Template(profile, app, facts);
  let names = facts.headerNames();
  let nobody: Told = template.nobody(names);
  let kept = new WeakMap<User, Kept[]>();
  const to = (who: Who | undefined, now: number): Told => {
    const current = facts.headerNames();
    if (current !== names) {
      names = current;
      nobody = template.nobody(names);
      kept = new WeakMap();
    }
    if (who === undefined) return nobody;
    const entries = kept.get(who.user) ?? [];
    const known = entries.find((e) => e.level === who.level && e.routing === who.routing && now < e.freshUntil);
    if (known !== undefined) return known;
    const made = template.somebody(who, names, now);
    // One person has few levels and sessions with a routing of their own; the newest are worth keeping.
    kept.set(who.user, [made, ...entries.filter((e) => now < e.freshUntil).slice(0, 3)]);
    return made;
  };
  return { asserts: template.asserts, to };
}

class Template {
  readonly #headers: readonly ProfileHeader[];
  readonly #tellsAdditional: boolean;
  readonly #app: App | undefined;
  readonly #facts: TellFacts;

  constructor(profile: Profile, app: App | undefined, facts: TellFacts) {
    const assertion = app?.assertionHeader;
    const own: ProfileHeader[] =
      assertion === undefined ? [] : [{ name: assertion, field: 'assertion', separator: ',', encoding: 'utf8' }];
    this.#headers = [...profile.headers, ...own];
    this.#tellsAdditional = app?.tellsAdditional ?? profile.tellsAdditional;
    this.#app = app;
    this.#facts = facts;
  }

  /** Only where there is an app: an assertion without an audience would be good for every host that has none. */
  get asserts(): boolean {
    return (
      this.#app !== undefined && this.#facts.signer !== undefined && this.#headers.some((h) => h.field === 'assertion')
    );
  }

  nobody(names: readonly string[]): Told {
    return {
      identity: this.#withAdditional(
        this.#headers.flatMap((h) => [h.name, '']),
        names,
        [],
      ),
      authorization: undefined,
    };
  }

  somebody(who: Who, names: readonly string[], now: number): Kept {
    const chosen = who.routing?.userAttributes;
    const current = who.user.mergedAttributes;
    const attributes = chosen === undefined ? current : mergeAttributes([current, chosen]);
    const entitlements = entitlementsOf(this.#app, who.user);
    const signed = this.#signed(who, entitlements, now);
    const own = this.#headers.flatMap((h) => [h.name, this.#fill(h, who.user, entitlements, signed.token)]);
    const additional = this.#tellsAdditional ? additionalHeaders(attributes).headers : [];
    const override = additional.findLast((h) => foldName(h.name) === 'authorization')?.value;
    return {
      identity: this.#withAdditional(own, names, additional),
      authorization: override ?? basicAuthorization(this.#app, who.user, attributes),
      level: who.level,
      routing: who.routing,
      freshUntil: signed.freshUntil,
    };
  }

  #signed(
    who: Who,
    entitlements: readonly string[],
    now: number,
  ): { readonly token: string; readonly freshUntil: number } {
    const { signer, issuer } = this.#facts;
    if (signer === undefined || !this.asserts) return UNSIGNED;
    return signer.sign(
      { issuer, audience: this.#app?.name ?? '', user: who.user, level: who.level, entitlements },
      now,
    );
  }

  #fill(h: ProfileHeader, user: User, entitlements: readonly string[], token: string): string {
    switch (h.field) {
      case 'user':
        return exactHeaderValue(user.name, h.encoding);
      case 'name':
        return headerValue(user.displayName, h.encoding);
      case 'email':
        return exactHeaderValue(user.emails[0] ?? '', h.encoding);
      case 'groups':
        return joined(user.groups, h.separator, h.encoding);
      case 'uid':
        return user.uid;
      case 'entitlements':
        return joined(entitlements, h.separator, h.encoding);
      case 'assertion':
        return token;
      case 'jwks':
        return headerValue(this.#facts.jwks, h.encoding);
      case 'outpost':
        return headerValue(this.#facts.outpost, h.encoding);
      case 'provider':
        return headerValue(this.#app?.title ?? '', h.encoding);
      case 'app':
        return headerValue(this.#app?.name ?? '', h.encoding);
      case 'version':
        return this.#facts.version;
      default:
        return h.field satisfies never;
    }
  }

  /**
   * Every additional name that anybody may have is written for everybody; what somebody has overrides the profile's. A
   * name that is not known to be anybody's is nobody's: others could send it themselves.
   */
  #withAdditional(
    own: readonly string[],
    names: readonly string[],
    given: readonly { readonly name: string; readonly value: string }[],
  ): readonly string[] {
    if (!this.#tellsAdditional) return own;
    const out = [...own];
    const at = new Map(own.flatMap((name, i) => (i % 2 === 0 ? [[foldName(name), i] as const] : [])));
    const put = (name: string, value: string, overrides: boolean) => {
      const fold = foldName(name);
      const index = at.get(fold);
      if (index !== undefined) {
        if (overrides) out[index + 1] = value;
      } else if (fold !== 'authorization') {
        at.set(fold, out.length);
        out.push(name, value);
      }
    };
    for (const name of names) put(name, '', false);
    for (const { name, value } of given) if (at.has(foldName(name))) put(name, value, true);
    return out;
  }
}

const UNSIGNED = { token: '', freshUntil: Number.POSITIVE_INFINITY } as const;

function joined(items: readonly string[], separator: string, encoding: Encoding): string {
  return items
    .filter((item) => !item.includes(separator))
    .map((item) => exactHeaderValue(item, encoding))
    .filter((item) => item !== '')
    .join(separator);
}

/** The entitlements of the app that somebody has, in order of the configuration. */
export function entitlementsOf(app: App | undefined, user: User): readonly string[] {
  return (app?.entitlements ?? []).filter((e) => e.holds(user)).map((e) => e.name);
}

/**
 * RFC 7617 of the account's attributes, for an app that asks for a password itself (contract authentik.md §4). A name with a
 * colon cannot be told that way: the app would take what stands before it for the name.
 */
function basicAuthorization(app: App | undefined, user: User, attributes: JsonObject): string | undefined {
  const basic = app?.basicAuth;
  if (basic === undefined) return undefined;
  const password = textOf(attributes, basic.passwordAttribute);
  if (password === '') return undefined;
  const named = textOf(attributes, basic.userAttribute);
  const name = named === '' ? (user.emails[0] ?? '') : named;
  return name.includes(':') ? undefined : `Basic ${base64(utf8Bytes(`${name}:${password}`))}`;
}

function textOf(attributes: JsonObject, key: string): string {
  const value = member(attributes, key);
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
