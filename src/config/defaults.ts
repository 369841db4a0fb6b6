import type { Raw } from './schema.ts';

/** What holds where nothing is written: the lowest layer, so that `config print` shows it like everything else. */
export const DEFAULTS = {
  listen: ['127.0.0.1:9091'],
  trusted_proxies: [],
  storage: 'memory:',
  session: { idle: '1h', lifetime: '12h', remember_me: '30d' },
  domains: [],
  networks: {},
  apps: {},
  policy: { default: 'deny', rules: [] },
  endpoints: {},
  metrics: '127.0.0.1:9959',
  log: { level: 'info', format: 'auto' },
  basic_cache: '60s',
  throttle: { max_retries: 3, find_time: '2m', ban_time: '5m' },
  assertion: { algorithm: 'ES256', lifetime: '60s', rotate: '30d' },
  outpost: 'lintel',
  additional_headers: [],
  grpc: 'off',
  upstream_timeout: '60s',
} satisfies Raw;
