import { z } from 'zod';
import { pair } from './schema-listen.ts';
import { duration, text, words } from './schema-words.ts';

const headerSource = z
  .union([
    z.string(),
    z.strictObject({
      name: text('a header name', 'Name of the header.'),
      separator: text('text', 'Between groups; a comma by default.').optional(),
      encoding: z
        .enum(['utf8', 'percent', 'latin1'])
        .meta({ description: 'How characters outside ASCII are written.' })
        .optional(),
    }),
  ])
  .meta({ title: 'a header name, or a map with name, separator and encoding' });

const header = (description: string) => headerSource.meta({ description }).optional();

const headers = z
  .union([
    z.string(),
    z.strictObject({
      user: header('Carries the name of the account.'),
      name: header('Carries the display name.'),
      email: header('Carries the first e-mail address.'),
      groups: header('Carries the groups.'),
      uid: header('Carries the stable id of the account.'),
      entitlements: header('Carries the rights inside the app.'),
      assertion: header('Carries the signed assertion.'),
    }),
  ])
  .meta({
    title: 'the name of a profile, or a map of your own',
    description: 'Which identity headers the app gets: a profile (remote, authentik), or {user: X-Remote-User, …}.',
    examples: ['remote', 'authentik'],
  });

const queryCondition = z.strictObject({
  operator: z
    .enum(['equal', 'not equal', 'present', 'absent', 'pattern', 'not pattern'])
    .meta({ description: 'equal when there is a value, else present.' })
    .optional(),
  key: text('the name of a query parameter', 'Name of the query parameter.'),
  value: z
    .union([z.string(), z.number(), z.boolean()])
    .meta({ title: 'text', description: 'What it is compared with; a regular expression for pattern.' })
    .optional(),
});

const conditions = {
  paths: words(
    'a path or a list of paths',
    'Prefixes on segment boundaries (/api), or globs: * within a segment, ** across segments.',
  ).optional(),
  paths_regex: words(
    'a regular expression or a list of them',
    'RE2, against the decoded path without the query.',
  ).optional(),
  resources: words(
    'a regular expression or a list of them',
    "RE2, against path and query (?a=b), as Authelia's resources.",
  ).optional(),
  methods: words('a method or a list of methods', 'HTTP methods.').optional(),
  query: z
    .array(z.array(queryCondition))
    .meta({
      title: 'a list of lists of query conditions',
      description: 'Outer list: one of them; inner: all of them.',
    })
    .optional(),
  networks: words('a network or a list of networks', 'IP addresses, CIDR ranges or names from networks:.').optional(),
};

const outcome = {
  subjects: z
    .union([z.string(), z.array(z.union([z.string(), z.array(z.string())]))])
    .meta({
      title: 'a subject such as user:alice, or a list (one of them) of lists (all of them)',
      description: 'Whom the rule is about. Outer list: one of them; inner: all of them.',
    })
    .optional(),
  allow: words(
    'everyone, signed_in or a list such as [user:alice, group:staff]',
    'Who may pass: everyone (without signing in), signed_in, or subjects.',
  ).optional(),
  deny: words('everyone or a list such as [group:guests]', 'Who may not pass.').optional(),
  level: z.enum(['one_factor', 'two_factor']).meta({ description: 'How strongly people sign in.' }).optional(),
};

const accessRule = z.strictObject({ ...conditions, ...outcome }).meta({ title: 'a rule' });

/** A rule of `policy:`, which has hosts. */
export const policyRule = z
  .strictObject({
    hosts: words('a host or a list of hosts', 'Exact (a.example.com), *.x, {user}.x or {group}.x.').optional(),
    hosts_regex: words(
      'a regular expression or a list of them',
      'RE2, against the host; groups named User and Group must equal the name and a group of the person.',
    ).optional(),
    ...conditions,
    ...outcome,
  })
  .meta({ title: 'a rule' });

const binding = z
  .strictObject({
    user: text('the name of a user', 'Somebody in particular.').optional(),
    group: text('the name of a group', 'Its members, those of its descendants too.').optional(),
    negate: z.boolean().meta({ description: 'Everybody else.' }).optional(),
    order: z.number().int().meta({ description: 'Lower ones first, in what explain shows.' }).optional(),
    enabled: z.boolean().meta({ description: 'false: as if it were not there.' }).optional(),
  })
  .meta({ title: 'a binding such as {group: staff}' });

/** What authentik's proxy provider has beside hosts and upstream. */
const provider = {
  domain: text(
    'a domain such as example.com',
    'One app, with one cookie, for every host at and below the domain; its url is where sign-ins end.',
  ).optional(),
  unauthenticated: words(
    'regular expressions, one a line',
    'RE2, one a line: open without signing in. Against the path, or the whole URL with domain.',
  ).optional(),
  bindings: z
    .array(binding)
    .meta({ title: 'a list of bindings', description: 'Who may open the app, in place of access.' })
    .optional(),
  engine: z.enum(['any', 'all']).meta({ description: 'Whether one binding is enough or all must hold.' }).optional(),
  entitlements: z
    .record(z.string(), words('a subject or a list such as [group:editors]', 'Who has it.'))
    .meta({ title: 'a map of entitlements and who has them', description: 'Rights inside the app, told in a header.' })
    .optional(),
  basic_auth: z
    .strictObject({
      user_attribute: text('the name of an attribute', 'The user name; without a value the e-mail address.').optional(),
      password_attribute: text('the name of an attribute', 'The password; without a value nothing is sent.'),
    })
    .meta({
      title: 'a map with user_attribute and password_attribute',
      description: 'Sends Authorization: Basic, made of the attributes of the account.',
    })
    .optional(),
  intercept_header_auth: z
    .boolean()
    .meta({ description: 'false: the Authorization header of clients is for the app, and not looked at.' })
    .optional(),
  preflight: z.literal('pass').meta({ description: 'pass: CORS preflights need no sign-in.' }).optional(),
  additional_headers: z
    .boolean()
    .meta({ description: 'Whether additionalHeaders of accounts and groups are sent; the profile decides otherwise.' })
    .optional(),
  assertion: text('a header name', 'A header for the signed assertion, beside those of the profile.').optional(),
} as const;

const server = 'an address such as http://127.0.0.1:8080';

const upstream = z
  .union([
    z.string(),
    z.array(z.string()),
    z.strictObject({
      url: text(
        server,
        'Where the app answers; https:// is verified; a path is put before what clients ask for.',
      ).optional(),
      urls: z
        .array(z.string())
        .meta({ title: 'a list of addresses', description: 'Several servers, each as good as the others.' })
        .optional(),
      ca: text(
        'the path of a PEM file',
        'Authorities that sign for the app, in place of those of the system.',
      ).optional(),
      cert: text('the path of a PEM file', 'Certificate that Lintel shows the app.').optional(),
      key: text('the path of a PEM file', 'Private key of that certificate.').optional(),
      server_name: text('a host name', "The name in the app's certificate, where it is not the host's.").optional(),
      dangerously_skip_verify: z
        .boolean()
        .meta({ description: 'Takes any certificate: whoever is in between is the app.' })
        .optional(),
      timeout: duration('How long until an answer must have begun.').optional(),
      idle_timeout: duration('How long a stream or a WebSocket may be silent.').optional(),
    }),
  ])
  .meta({
    title: `${server}, a list of them, or a map with url`,
    description: 'Given: Lintel proxies the app. Absent: another proxy asks.',
  });

const routing = {
  backend: text('an expression in CEL', 'CEL: where the requests of a sign-in go, in place of upstream.').optional(),
  host_header: text('an expression in CEL', 'CEL: the Host that the app gets.').optional(),
  mappings: words(
    'an expression or a list of them',
    "authentik's scope mappings: Python that returns ak_proxy.",
  ).optional(),
  allowed_backends: words('an address or a list', 'Where backend and mappings may lead; absent: anywhere.').optional(),
};

/** An entry in `apps:`. */
export const app = z
  .strictObject({
    url: words('an address such as https://grafana.example.com', 'Where people open the app; one or several.'),
    title: text('text', 'What people call it.').optional(),
    headers: headers.optional(),
    tls: pair.meta({ description: 'Its own certificate, on every https:// listener.' }).optional(),
    upstream: upstream.optional(),
    origins: words(
      'an origin such as https://dashboard.example.com, or a list of origins',
      "Sites beside the app's own whose pages may open WebSockets as the person signed in.",
    ).optional(),
    ...routing,
    access: z
      .array(accessRule)
      .meta({ title: 'a list of rules', description: 'First match decides; none: deny.' })
      .optional(),
    ...provider,
  })
  .meta({ title: 'an app: a map with url and access' });

export type RawRule = z.infer<typeof policyRule>;
export type RawApp = z.infer<typeof app>;
export type RawUpstream = z.infer<typeof upstream>;
export type RawHeaders = z.infer<typeof headers>;
export type RawQuery = z.infer<typeof queryCondition>;
