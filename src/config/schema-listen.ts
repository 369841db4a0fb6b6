import { z } from 'zod';
import { text } from './schema-words.ts';

/** One certificate. */
export const pair = z
  .strictObject({
    cert: text('the path of a PEM file', 'Certificate chain, PEM.'),
    key: text('the path of a PEM file', 'Private key, PEM.'),
  })
  .meta({ title: 'a map with cert and key' });

/** One or several. */
export const tls = z.union([pair, z.array(pair)]).meta({
  title: 'a map with cert and key, or a list of them',
  description: 'Certificates; the client gets the first that is for the host it names, else the first of all.',
});

/** An address in `listen:`. */
export const listenEntry = z
  .union([
    z.string(),
    z.strictObject({
      address: text('an address', 'As in the short form.'),
      tls: tls.optional(),
      redirect: z
        .literal('https')
        .meta({ title: 'https', description: 'Answer nothing but the way to the same address on https.' })
        .optional(),
    }),
  ])
  .meta({ title: 'an address such as 127.0.0.1:9091, https://0.0.0.0:443 or unix:/run/lintel.sock' });

/** The address of `grpc:`. */
export const grpc = z
  .union([
    z.string(),
    z.literal(false),
    z.strictObject({ address: text('an address', 'As in the short form.'), tls: tls.optional() }),
  ])
  .meta({
    title: 'an address such as 127.0.0.1:9092, or off',
    description: "Listener of Envoy's gRPC ext_authz; off unless given.",
  });

export type RawPair = z.infer<typeof pair>;
export type RawTls = z.infer<typeof tls>;
