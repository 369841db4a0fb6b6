/** A browser without a screen: follows redirects between hosts, keeps cookies for each host, signs in when asked. */
import type { Running } from './lintel.ts';
import { ask, headerOf, type Reply, valuesOf } from './raw.ts';

export interface Browser {
  /** Host → cookie name → value. Host-only cookies are enough: a test that wants `Domain=` looks at Set-Cookie itself. */
  readonly jar: Map<string, Map<string, string>>;
  /** One request to the server, whatever the URL's host resolves to. */
  go(
    url: string,
    options?: {
      readonly method?: string;
      readonly form?: Readonly<Record<string, string>>;
      readonly headers?: readonly string[];
    },
  ): Promise<Reply>;
  cookieHeader(host: string): string | undefined;
}

export function browser(at: Running, from?: string): Browser {
  const jar = new Map<string, Map<string, string>>();
  const cookieHeader = (host: string) => {
    const cookies = jar.get(host);
    if (cookies === undefined || cookies.size === 0) return undefined;
    return [...cookies].map(([n, v]) => `${n}=${v}`).join('; ');
  };
  return {
    jar,
    cookieHeader,
    async go(url, options = {}) {
      const { protocol, host, pathname, search, origin } = new URL(url);
      const body = options.form === undefined ? undefined : new URLSearchParams(options.form).toString();
      const headers = [
        `Host: ${host}`,
        'Accept: text/html,application/xhtml+xml,*/*;q=0.8',
        `X-Forwarded-Proto: ${protocol.slice(0, -1)}`,
        `X-Forwarded-Host: ${host}`,
        'X-Forwarded-For: 198.51.100.7',
        ...(body === undefined
          ? []
          : [`Origin: ${origin}`, 'Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`]),
        ...(options.headers ?? []),
      ];
      const cookie = cookieHeader(host);
      if (cookie !== undefined) headers.push(`Cookie: ${cookie}`);
      const method = options.method ?? (body === undefined ? 'GET' : 'POST');
      const reply = await ask(
        at,
        { method, target: `${pathname}${search}`, headers, body: body ?? '' },
        from === undefined ? {} : { from },
      );
      keep(jar, host, reply);
      return reply;
    },
  };
}

function keep(jar: Browser['jar'], host: string, reply: Reply): void {
  const cookies = jar.get(host) ?? new Map<string, string>();
  jar.set(host, cookies);
  for (const line of valuesOf(reply, 'set-cookie')) {
    const [pair = '', ...attributes] = line.split(';').map((p) => p.trim());
    const eq = pair.indexOf('=');
    const gone = attributes.some((a) => a.toLowerCase() === 'max-age=0');
    if (gone || pair.slice(eq + 1) === '') cookies.delete(pair.slice(0, eq));
    else cookies.set(pair.slice(0, eq), pair.slice(eq + 1));
  }
}

/** Opens an app as somebody who has to sign in on the way, as a browser does. Returns the Cookie header for the app. */
export async function handOver(
  at: Running,
  portal: string,
  app: string,
  user: string,
  password: string,
): Promise<string> {
  const b = browser(at);
  const trail: string[] = [];
  let url = app;
  let reply = await b.go(url);
  for (let i = 0; i < 12; i++) {
    trail.push(`${reply.status} ${url}`);
    const location = headerOf(reply, 'location');
    if (location !== undefined && reply.status < 400) {
      url = new URL(location, url).href;
      if (url === new URL(app).href && i > 1) break;
      reply = await b.go(url);
      continue;
    }
    if (reply.status !== 200 || new URL(url).origin !== new URL(portal).origin) break;
    reply = await b.go(new URL(formAction(reply.body), url).href, {
      form: { ...hiddenFields(reply.body), username: user, password },
    });
  }
  const cookie = b.cookieHeader(new URL(app).host);
  if (cookie === undefined)
    throw new Error(`${user} could not open ${app}:\n${trail.join('\n')}\n${reply.body.slice(0, 500)}\n${at.output()}`);
  return cookie;
}

/** Where the first form of a page sends what it holds. */
export function formAction(html: string): string {
  return unescapeHtml(/<form[^>]*\baction="([^"]*)"/.exec(html)?.[1] ?? '');
}

/** What the forms of a page hold beside what people type. */
export function hiddenFields(html: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [tag] of html.matchAll(/<input[^>]*>/g)) {
    if (!/type="?hidden/.test(tag)) continue;
    const name = /\bname="([^"]*)"/.exec(tag)?.[1];
    if (name !== undefined) out[name] = unescapeHtml(/\bvalue="([^"]*)"/.exec(tag)?.[1] ?? '');
  }
  return out;
}

function unescapeHtml(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
