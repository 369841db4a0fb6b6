import type { Fault } from '../core/fault.ts';
import type { Policy } from '../core/policy/compile.ts';
import { candidatesFor, decide } from '../core/policy/decide.ts';
import type { HostPattern } from '../core/policy/rule.ts';
import type { Subject, User } from '../core/subject.ts';
import { canonicalTarget, type Target, type Unknown } from '../core/target.ts';
import type { Ip } from '../core/text/ip.ts';
import { webAuthority } from '../core/text/origin.ts';

/** What policy says about somebody who is signed in as well as they can be here. */
export type Verdict =
  | { readonly kind: 'allow' }
  /** Open to them, once they prove more than a password. */
  | { readonly kind: 'level' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'fault'; readonly fault: Fault };

/** The same decision the gate will make a moment later, so that nobody is sent to a door that stays shut. */
export function judge(policy: Policy, target: Target, subject: Subject): Verdict {
  const candidates = candidatesFor(policy, target);
  if (!candidates.ok) return { kind: 'fault', fault: candidates.error };
  const decision = decide(candidates.value, subject);
  switch (decision.kind) {
    case 'allow':
    case 'deny':
      return { kind: decision.kind };
    case 'challenge':
      return { kind: 'level' };
    case 'fault':
      return decision;
    default:
      return decision satisfies never;
  }
}

export interface OpenApp {
  readonly name: string;
  readonly title: string;
  readonly href: string;
  readonly host: string;
  /** The app is every host below a domain: `href` is where its sign-ins end, and no front page of anything. */
  readonly isDomain: boolean;
}

/** The apps whose front page somebody may open. Apps without one certain address (wildcards) have no link. */
export function openApps(policy: Policy, user: User, subject: Subject, client: Ip | Unknown): OpenApp[] {
  const out: OpenApp[] = [];
  for (const { app } of policy.apps) {
    const isDomain = app.domain !== undefined;
    for (const { scheme, host: pattern, port } of app.urls) {
      const host = certainHost(pattern, user);
      if (host === undefined) continue;
      const authority = webAuthority(scheme, host, port);
      const target = canonicalTarget({ scheme, authority, uri: '/', method: 'GET', client });
      if (!target.ok || judge(policy, target.value, subject).kind !== 'allow') continue;
      out.push({ name: app.name, title: app.title, href: `${scheme}://${authority}/`, host: authority, isDomain });
      break;
    }
  }
  return out;
}

function certainHost(pattern: HostPattern, user: User): string | undefined {
  if (pattern.kind === 'exact') return pattern.host;
  return pattern.kind === 'user' ? `${user.name.toLowerCase()}${pattern.suffix}` : undefined;
}
