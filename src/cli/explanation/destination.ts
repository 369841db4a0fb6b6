import type { Explanation } from '../../core/policy/explain.ts';
import type { Target } from '../../core/target.ts';

/** Where Lintel sends an allowed request, as it is written in the configuration or as an expression chose it. */
export interface Destination {
  readonly backend: string;
  /** The Host that the app gets. */
  readonly host: string;
}

/** undefined: nowhere, since the app does not open or another proxy passes the request on. */
export function destination(target: Target, { decision, place, routing }: Explanation): Destination | undefined {
  const upstream = place?.app.app.upstream;
  if (decision.kind !== 'allow' || upstream === undefined) return undefined;
  const own = target.port === undefined ? target.host : `${target.host}:${target.port}`;
  return { backend: routing?.backend ?? upstream.text, host: routing?.hostHeader ?? own };
}
