/** The shape of cases.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Face = 'proxy' | 'forward-auth' | 'auth-request' | 'ext-authz' | 'ext-authz-grpc' | 'portal';
export type Who = 'anonymous' | 'alice';

export interface Attack {
  readonly id: string;
  readonly class: string;
  readonly title: string;
  /** Where the attack was published. */
  readonly advisory: string;
  readonly face: Face;
  readonly as?: readonly Who[];
  /** What the client wants from the app. */
  readonly method?: string;
  readonly scheme?: string;
  readonly host?: string;
  readonly uri?: string;
  readonly version?: string;
  /** Alternative X-Forwarded-For values; default: an outside address. */
  readonly xff?: readonly string[];
  /** METHOD target of the check request as it stands; `headers` are all its headers. */
  readonly raw?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  /** The peer it comes from; default: the trusted proxy (check endpoints) or some client (proxy face). */
  readonly from?: string;
  /** Return address (open-redirect). */
  readonly rd?: string;
  readonly expect?: Expectation;
  readonly why?: string;
  readonly notCovered?: string;
}

export interface Expectation {
  /** The request reaches the app as this person and as nobody else. */
  readonly passes?: 'alice' | 'nobody';
  /** …or it is turned away as malformed. */
  readonly orRefused?: true;
  /** Values that no header seen by the app may have. */
  readonly never?: readonly string[];
  /** Headers that must still arrive. */
  readonly carries?: readonly string[];
  /** Turned away as malformed or unauthorised, with an error id; the app sees nothing. */
  readonly refused?: true;
  /** Not allowed, whatever the answer; the app sees nothing. */
  readonly closed?: true;
  /** …and judged as a request for this path is, unless it is refused as malformed. */
  readonly like?: string;
  /** Sent to sign in. */
  readonly challenged?: true;
}

const DATA: { readonly cases: readonly Attack[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'cases.json'), 'utf8'),
);

export const ATTACKS = DATA.cases;

export function attacksOf(name: string): readonly Attack[] {
  const found = ATTACKS.filter((a) => a.class === name);
  if (found.length === 0) throw new Error(`no attack of class ${name}`);
  return found;
}

export function attack(id: string): Attack {
  const found = ATTACKS.find((a) => a.id === id);
  if (found === undefined) throw new Error(`no attack ${id}`);
  return found;
}
