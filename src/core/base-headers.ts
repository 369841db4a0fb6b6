/** The security headers that Authelia gives every answer which leads somewhere or is JSON (contract authelia.md §2.5, §2.8). */
export const BASE_HEADERS = [
  ...['X-Content-Type-Options', 'nosniff'],
  ...['Referrer-Policy', 'strict-origin-when-cross-origin'],
  ...['Permissions-Policy', 'camera=(), geolocation=(), microphone=()'],
  ...['X-Frame-Options', 'DENY'],
  ...['X-DNS-Prefetch-Control', 'off'],
] as const;

/** As `BASE_HEADERS`, with what a JSON answer has besides. */
export const JSON_HEADERS = [
  ...['Content-Type', 'application/json; charset=utf-8'],
  ...['Cache-Control', 'no-store', 'Pragma', 'no-cache'],
  ...['Content-Security-Policy', "default-src 'none'"],
  ...BASE_HEADERS,
] as const;
