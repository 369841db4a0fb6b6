import type { ListenAddress, Settings } from '../config/settings.ts';
import type { Clock } from '../core/ports.ts';
import type { Log } from '../ops/log.ts';
import type { Pair, PairChoice } from '../server/certificates.ts';
import type { Handler } from '../server/client.ts';
import type { GrpcFace } from '../server/grpc.ts';
import { type Listening, listen, type RefusedListener } from '../server/listener.ts';

/** Who answers on which kind of listener. */
export interface Faces {
  /** Check endpoints, portal, proxy face. */
  readonly all: Handler;
  /** Of `redirect: https`. */
  readonly redirect: Handler;
  /** Of `metrics:`. */
  readonly ops: Handler;
  /** Of `grpc:`. Made where it is asked for: node:http2 and what goes with it take a while to load. */
  grpc(): Promise<GrpcFace>;
}

export interface ListenersDeps {
  readonly faces: Faces;
  readonly refused: RefusedListener;
  readonly clock: Clock;
  readonly log: Log;
}

/** All that Lintel listens on. */
export interface Listeners {
  readonly addresses: readonly string[];
  readonly ports: readonly (number | undefined)[];
  readonly grpcAddress: string | undefined;
  readonly metricsAddress: string | undefined;
  /** New certificates, for connections from now on. What does not make one is told, and the old ones stay. */
  renew(settings: Settings): Promise<void>;
  close(graceMs: number): Promise<void>;
}

/** Rejects when an address cannot be had; none is held then. */
export async function openListeners(settings: Settings, deps: ListenersDeps): Promise<Listeners> {
  const { faces, refused, log } = deps;
  const choose = certificateChoice(deps);
  const open: { readonly address: ListenAddress; readonly listening: Listening }[] = [];
  const close = async (graceMs: number) => {
    await Promise.all(open.map(({ listening }) => listening.close(graceMs)));
  };
  const add = async (address: ListenAddress, face: Handler) => {
    const listening = await listen(address, face, refused, await choose(address, settings));
    open.push({ address, listening });
    return listening;
  };
  const addGrpc = async (address: ListenAddress) => {
    const { listenGrpc } = await import('../server/grpc.ts');
    const listening = await listenGrpc(address, await faces.grpc(), await choose(address, settings));
    open.push({ address, listening });
    return listening;
  };
  try {
    for (const address of settings.listen) await add(address, isRedirect(address) ? faces.redirect : faces.all);
    const grpc = settings.grpc === undefined ? undefined : await addGrpc(settings.grpc);
    const ops = settings.metrics === undefined ? undefined : await add(settings.metrics, faces.ops);
    return {
      addresses: open.filter((o) => o.listening !== ops && o.listening !== grpc).map((o) => o.listening.address),
      ports: open.map((o) => o.listening.port),
      grpcAddress: grpc?.address,
      metricsAddress: ops?.address,
      async renew(next) {
        for (const { address, listening } of open) await renew(listening, counterpart(address, next), next);
      },
      close,
    };
  } catch (error) {
    await close(0);
    throw error;
  }

  async function renew(listening: Listening, address: ListenAddress | undefined, next: Settings): Promise<void> {
    try {
      const pairs = address === undefined ? undefined : await choose(address, next);
      if (pairs !== undefined) listening.renew(pairs);
    } catch (error) {
      const detail = `${listening.address}: ${String(error)}`;
      log.write('error', 'the certificate was not taken up; the old one stays', { detail });
    }
  }
}

function isRedirect(address: ListenAddress): boolean {
  return address.kind === 'tcp' && address.redirect;
}

/** The same listener in a newer configuration; undefined: it is gone from there, which only a restart can follow. */
function counterpart(address: ListenAddress, next: Settings): ListenAddress | undefined {
  return [...next.listen, next.grpc, next.metrics].find(
    (a) => a?.kind === 'tcp' && address.kind === 'tcp' && a.host === address.host && a.port === address.port,
  );
}

type Choice = (address: ListenAddress, settings: Settings) => Promise<PairChoice | undefined>;

/** What to answer with: certificates of apps by their names, those of the listener, else one that Lintel makes itself. */
function certificateChoice({ clock, log }: ListenersDeps): Choice {
  let told = '';
  const own = async (settings: Settings): Promise<Pair> => {
    const { selfSigned } = await import('../server/self-signed.ts');
    const { pair, fingerprint, validTo, unkept } = selfSigned(settings.selfSigned, securedHosts(settings), clock.now());
    if (told !== fingerprint) {
      told = fingerprint;
      const kept = unkept === undefined ? { kept: settings.selfSigned?.cert } : { not_kept: unkept };
      const fields = { ...kept, valid_until: validTo, sha256: fingerprint, hint: SELF_SIGNED_HINT };
      log.write(
        'warn',
        'https:// listeners have no certificate but one that Lintel made; browsers warn about it',
        fields,
      );
    }
    return pair;
  };
  return async (address, settings) => {
    if (address.kind === 'unix' || address.tls === undefined) return undefined;
    const fallback = address.tls[0] ?? (await own(settings));
    return { fallback, byName: [...settings.appCertificates, ...address.tls, fallback] };
  };
}

const SELF_SIGNED_HINT = 'Add tls: {cert: PATH, key: PATH} to lintel.yml.';

/** Hosts that people open over https: portals and apps. */
function securedHosts({ apps, portal, domains }: Settings): string[] {
  const portals = [portal, ...domains.map((d) => d.portal)].filter((p) => p?.scheme === 'https');
  const urls = apps.flatMap((app) => app.urls).filter((url) => url.scheme === 'https');
  return [
    ...portals.map((p) => p?.host ?? ''),
    ...urls.map(({ host }) => (host.kind === 'exact' ? host.host : host.kind === 'wildcard' ? `*${host.suffix}` : '')),
  ].filter((host) => host !== '');
}
