import type { Settings } from '../config/settings.ts';
import type { CheckAnswer, CheckAttributes } from '../core/check-message.ts';
import { describePeer } from '../core/peer.ts';
import { type MaybePromise, type UserSource, whenReady } from '../core/ports.ts';
import { canonicalTarget, withHeaders } from '../core/target.ts';
import type { Wire } from '../core/wire.ts';
import { directStrategies } from '../dialects/direct.ts';
import { type CheckRules, plainHeaders, readCheck, writeCheck } from '../dialects/ext-authz-grpc.ts';
import { ASKED_DIRECTLY, authorizationFor, faulty, type GatePorts, type Judged, judge, witness } from '../gate.ts';
import { isClientClaim } from '../proxy/client-claims.ts';
import type { Caller, GrpcFace } from '../server/grpc.ts';
import { proxyGuards } from './proxy-face.ts';

/** What changes with a reload. */
export interface InForce {
  readonly gate: GatePorts;
  readonly settings: Settings;
}

const DIALECT = 'ExtAuthzGrpc';

/** Envoy's gRPC checks: the same judgement as everywhere, read and written in the words of that API. A reload counts at once. */
export function grpcFace(inForce: () => InForce): GrpcFace {
  const rules = rememberedRules();
  return {
    proxies: () => inForce().settings.trustedProxies,
    check(attributes, caller) {
      const { gate, settings } = inForce();
      const started = gate.clock.monotonic();
      const wire = wireOf(attributes, caller);
      return whenReady(judgeCheck(gate, settings, attributes, caller, wire), (judged) => {
        witness(gate, judged, DIALECT, wire, started);
        return rendered(judged, wire, rules(settings, gate.users));
      });
    },
    refuse(fault, peer) {
      const { gate, settings } = inForce();
      const wire: Wire = { method: '', target: '', headers: [], peer, encrypted: false };
      gate.audit.record({ kind: 'fault', fault, where: 'grpc', peer: describePeer(peer) });
      return rendered(faulty(fault), wire, rules(settings, gate.users));
    },
  };
}

function judgeCheck(
  gate: GatePorts,
  settings: Settings,
  attributes: CheckAttributes,
  caller: Caller,
  wire: Wire,
): MaybePromise<Judged> {
  const parts = readCheck(attributes, caller.trusted);
  if (!parts.ok) return faulty(parts.error);
  const target = canonicalTarget(withHeaders(parts.value, wire.headers, 'all'));
  if (!target.ok) return faulty(target.error);
  return judge(gate, target.value, directStrategies(settings.basicCacheMs), wire, ASKED_DIRECTLY);
}

function wireOf(attributes: CheckAttributes, { peer, encrypted }: Caller): Wire {
  const { method, path } = attributes;
  return { method, target: path, headers: plainHeaders(attributes), peer, encrypted };
}

function rendered(judged: Judged, wire: Wire, rules: CheckRules): CheckAnswer {
  const { decision, target, location, cookies } = judged;
  const authorization = authorizationFor(judged, wire);
  const { identity } = judged.told;
  return writeCheck(decision, { wire, target, location, cookies, hosts: [], identity, authorization }, rules);
}

/** Made anew when the configuration changes or accounts bring other names. */
function rememberedRules(): (settings: Settings, users: UserSource) => CheckRules {
  let of: readonly [Settings, readonly string[]] | undefined;
  let rules: CheckRules | undefined;
  return (settings, users) => {
    const names = users.headerNames();
    if (rules === undefined || of?.[0] !== settings || of[1] !== names) {
      rules = { ...proxyGuards(settings, users), isClientClaim };
      of = [settings, names];
    }
    return rules;
  };
}
