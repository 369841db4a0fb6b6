import type { Json, JsonObject } from './json.ts';
import type { Result } from './result.ts';

/** What an operator's expression sees of somebody who signs in to an app (contract authentik.md §7). */
export interface ExpressionInput {
  readonly user: {
    readonly name: string;
    readonly displayName: string;
    /** The primary one; empty when there is none. */
    readonly email: string;
    readonly uid: string;
    /** With ancestors. */
    readonly groups: readonly string[];
    /** The account's own. */
    readonly attributes: JsonObject;
    /** Those of the groups with their ancestors, then the account's own, merged. */
    readonly groupAttributes: JsonObject;
  };
  readonly request: { readonly host: string; readonly path: string; readonly app: string };
}

/** A compiled expression: pure, bounded. The error is a sentence for the administrator. */
export type Expression = (input: ExpressionInput) => Result<Json, string>;

/** What a sign-in to an app decided about the requests that follow it; kept with the app's secret of that session. */
export interface Routing {
  /** An absolute http(s) URL, canonical and allowed; undefined: the app's own upstream. */
  readonly backend: string | undefined;
  /** The Host that the app gets; undefined: the client's. */
  readonly hostHeader: string | undefined;
  /** Laid over the merged attributes of groups and account, as these are at each request; undefined: nothing. */
  readonly userAttributes: JsonObject | undefined;
}

/** Evaluated when somebody signs in to the app. An error refuses the sign-in; it never falls back to another backend. */
export type RouteBySignIn = (input: ExpressionInput) => Result<Routing, string>;
