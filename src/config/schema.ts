import { z } from 'zod';
import { app, policyRule } from './schema-app.ts';
import { grpc, listenEntry, tls } from './schema-listen.ts';
import { duration, orOff, text, words } from './schema-words.ts';

const strategy = z.strictObject({
  name: z
    .enum([
      'CookieSession',
      'HeaderAuthorization',
      'HeaderProxyAuthorization',
      'HeaderAuthRequestProxyAuthorization',
      'HeaderLegacy',
    ])
    .meta({ description: 'Where the credential is.' }),
  schemes: words('a scheme or a list of schemes', 'basic, app-password, bearer.').optional(),
  scheme_basic_cache_lifespan: duration('How long an accepted Basic password is remembered in memory.').optional(),
});

const endpoint = z.strictObject({
  implementation: z
    .enum(['ForwardAuth', 'AuthRequest', 'ExtAuthz', 'Legacy'])
    .meta({ description: 'How the proxy asks: Caddy, Traefik and HAProxy; nginx; Envoy; /api/verify.' }),
  authn_strategies: z
    .array(strategy)
    .meta({ title: 'a list of strategies', description: 'Where credentials are looked for, in this order.' })
    .optional(),
});

const domain = z
  .strictObject({
    domain: text('a domain such as example.com', 'One cookie for every host below it.'),
    portal: text('an address such as https://auth.example.com', 'The sign-in portal of this domain.').optional(),
    cookie: text('a cookie name', 'Name of the shared cookie.').optional(),
    default_redirect: text('an address', 'Where people go who signed in without coming from an app.').optional(),
  })
  .meta({ title: 'a map with domain, portal and cookie' });

/**
 * The one truth about the structure of `lintel.yml`. What a running Lintel validates with, and what editors get, is the
 * JSON Schema made from it (schema-json.ts, written by write-schema.ts, kept equal by a test): importing zod costs
 * 60 ms, more than all the rest of a start. `title` is the noun in messages ("expected a duration, got a list").
 */
export const configuration = z
  .strictObject({
    listen: z
      .union([z.string(), z.array(listenEntry)])
      .meta({ title: 'an address or a list of addresses', description: 'Where Lintel listens.' })
      .optional(),
    tls: tls
      .meta({ description: 'Certificates of https:// listeners without their own. Absent: Lintel makes one.' })
      .optional(),
    trusted_proxies: words(
      'an address or a list of addresses',
      'Peers whose X-Forwarded-* and X-Original-* count: IP addresses, CIDR ranges, unix.',
    ).optional(),
    portal: text('an address such as https://auth.example.com', 'Where people sign in; may have a path.').optional(),
    storage: text('memory: or sqlite:PATH', 'Where sessions live.').optional(),
    users: z
      .union([
        z.string(),
        z.strictObject({
          file: text('a path', "The user file, in the format of Authelia's users_database.yml."),
          search_email: z.boolean().meta({ description: 'People may sign in with their e-mail address.' }).optional(),
          case_insensitive: z.boolean().meta({ description: 'Letter case of names does not matter.' }).optional(),
        }),
      ])
      .meta({ title: 'file:PATH or a map with file', description: 'Who may sign in.' })
      .optional(),
    session: z
      .strictObject({
        idle: duration('A session ends after so long without a request.').optional(),
        lifetime: duration('A session ends after so long in any case.').optional(),
        remember_me: orOff('How long a remembered session lives; off: not offered.').optional(),
      })
      .meta({ title: 'a map with idle, lifetime and remember_me', description: 'How long people stay signed in.' })
      .optional(),
    domains: z
      .array(domain)
      .meta({ title: 'a list of domains', description: 'Domains with one shared cookie. Default: each app its own.' })
      .optional(),
    networks: z
      .record(z.string(), words('a network or a list of networks', 'IP addresses and CIDR ranges.'))
      .meta({ title: 'a map of names and networks', description: 'Names for use in rules.' })
      .optional(),
    apps: z
      .record(z.string(), app)
      .meta({ title: 'a map of apps', description: 'The protected applications, by name.' })
      .optional(),
    policy: z
      .strictObject({
        default: z
          .enum(['deny', 'one_factor', 'two_factor', 'bypass', 'everyone', 'signed_in'])
          .meta({ description: 'For requests that no rule matches.' })
          .optional(),
        rules: z
          .array(policyRule)
          .meta({ title: 'a list of rules', description: 'Tried in order, before the rules of apps.' })
          .optional(),
      })
      .meta({
        title: 'a map with default and rules',
        description: 'One ordered list of rules, tried before those of apps.',
      })
      .optional(),
    endpoints: z
      .record(z.string(), endpoint)
      .meta({ title: 'a map of endpoints', description: 'Own check endpoints; they replace the default ones.' })
      .optional(),
    grpc: grpc.optional(),
    metrics: z
      .union([z.string(), z.literal(false)])
      .meta({ title: 'an address or off', description: 'Listener of /healthz, /readyz and /metrics, such as :9300.' })
      .optional(),
    log: z
      .strictObject({
        level: z
          .enum(['trace', 'debug', 'info', 'warn', 'error'])
          .meta({ description: 'The least that is told; info by default.' })
          .optional(),
        format: z.enum(['auto', 'json', 'text']).meta({ description: 'auto: text on a terminal.' }).optional(),
      })
      .meta({ title: 'a map with level and format', description: 'The log on standard error.' })
      .optional(),
    basic_cache: orOff('How long an accepted Basic password is remembered in memory.').optional(),
    throttle: z
      .strictObject({
        max_retries: z
          .number()
          .int()
          .min(0)
          .meta({ description: 'Failed sign-ins until a wait; 0: no limit.' })
          .optional(),
        find_time: duration('Failures count for so long.').optional(),
        ban_time: duration('How long the wait is.').optional(),
      })
      .meta({
        title: 'a map with max_retries, find_time and ban_time',
        description: 'When wrong passwords make an account or address wait.',
      })
      .optional(),
    assertion: z
      .strictObject({
        algorithm: z.enum(['ES256', 'EdDSA']).meta({ description: 'How assertions are signed.' }).optional(),
        lifetime: duration('How long an assertion is valid, from 10s to 10m.').optional(),
        rotate: duration('How long one key signs, at least 1h.').optional(),
      })
      .meta({
        title: 'a map with algorithm, lifetime and rotate',
        description: 'The signed assertion that apps may verify.',
      })
      .optional(),
    outpost: text('text', 'What X-authentik-meta-outpost says.').optional(),
    additional_headers: words(
      'a header name or a list of them',
      'Names that additionalHeaders of accounts to come may set: sent empty until then.',
    ).optional(),
    upstream_timeout: duration('How long an upstream may stay silent.').optional(),
  })
  .meta({ title: 'lintel.yml' });

export type Raw = z.infer<typeof configuration>;
export type RawEndpoint = z.infer<typeof endpoint>;
export type RawDomain = z.infer<typeof domain>;
