import type { App } from './app.ts';
import type { Fault } from './fault.ts';
import type { Rule } from './policy/rule.ts';
import type { Level, Subject } from './subject.ts';

/** Which rule decided; undefined: no rule matched and the default policy did. */
export interface Ground {
  readonly rule: Rule | undefined;
  readonly app: App | undefined;
}

/** The only output of the core. A 2xx exists only as the rendering of `allow`. */
export type Decision =
  | { readonly kind: 'allow'; readonly subject: Exclude<Subject, { kind: 'unavailable' }>; readonly ground: Ground }
  | { readonly kind: 'challenge'; readonly how: Challenge; readonly ground: Ground }
  | { readonly kind: 'deny'; readonly reason: DenyReason; readonly subject: Subject; readonly ground: Ground }
  | { readonly kind: 'fault'; readonly fault: Fault };

/** What the client has to do. `credentials`: it chose a header scheme, so it is answered with that scheme's challenge. */
export type Challenge =
  | { readonly kind: 'sign-in'; readonly level: Level }
  | { readonly kind: 'step-up' }
  | {
      readonly kind: 'credentials';
      readonly scheme: 'basic' | 'bearer';
      readonly proxy: boolean;
      readonly refused: boolean;
    };

export type DenyReason =
  | { readonly kind: 'rule' }
  | { readonly kind: 'default' }
  | { readonly kind: 'unknown-fact'; readonly header: string };
