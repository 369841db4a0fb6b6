import type { App } from './app.ts';
import type { ExpressionInput, Routing } from './expression.ts';
import { type Fault, fault } from './fault.ts';
import { err, ok, type Result } from './result.ts';
import type { User } from './subject.ts';

/** The request that a sign-in to an app began with, as its expressions see it. */
export interface SignInRequest {
  readonly host: string;
  readonly path: string;
}

/**
 * What the app chooses for somebody who signs in (contract authentik.md §7); undefined: it has nothing to choose. What
 * cannot be chosen refuses the sign-in: nobody is ever sent to another backend instead.
 */
export function routingFor(app: App, user: User, request: SignInRequest): Result<Routing | undefined, Fault> {
  if (app.routing === undefined) return ok(undefined);
  const chosen = app.routing(input(app, user, request));
  return chosen.ok ? chosen : err(fault('ROUTING-REFUSED', `app ${app.name}, user ${user.name}: ${chosen.error}`));
}

/**
 * Does what a sign-in chose still hold? Not where the app began to choose after it, nor where its backend is not allowed
 * any more: then another sign-in is needed, and nobody lands on another backend meanwhile.
 */
export function stillHolds(app: App | undefined, chosen: Routing | undefined): boolean {
  if (app?.routing === undefined) return true;
  if (chosen === undefined) return false;
  return chosen.backend === undefined || app.allowsBackend === undefined || app.allowsBackend(chosen.backend);
}

function input(app: App, user: User, { host, path }: SignInRequest): ExpressionInput {
  const { name, displayName, uid, memberships, attributes, mergedAttributes } = user;
  return {
    user: {
      name,
      displayName,
      email: user.emails[0] ?? '',
      uid,
      groups: memberships,
      attributes,
      groupAttributes: mergedAttributes,
    },
    request: { host, path, app: app.name },
  };
}
