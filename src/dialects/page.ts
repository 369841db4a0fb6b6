import { FAULTS, type FaultId, fixFor } from '../core/fault.ts';
import { escapeHtml, MARK, PAGE_HEAD } from '../core/text/html.ts';
import type { Reply, Wire } from '../core/wire.ts';
import { asksForPage, isBrowser, prefersJson } from './negotiate.ts';

/** A small part of portal/style.ts, in the same colours: this page stands alone on the host of an app. */
const STYLE = `:root{color-scheme:light dark;--paper:#f7f6f2;--card:#fff;--ink:#16181b;--quiet:#5a5f66;--line:#d9d7d0;--accent:#0b6b66;--on:#fff}
@media(prefers-color-scheme:dark){:root{--paper:#121416;--card:#1b1e21;--ink:#ecebe7;--quiet:#a3a8ae;--line:#33383d;--accent:#6fd3c8;--on:#0c1413}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;padding:32px 16px 24px;display:grid;grid-template:2fr auto 3fr/minmax(0,1fr);justify-items:center;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
.place{grid-row:2;width:100%;max-width:26rem;overflow-wrap:anywhere}
header{display:flex;flex-direction:column;align-items:center;gap:12px;margin-bottom:24px;text-align:center}
svg{color:var(--accent)}h1{margin:0;font-size:1.375rem;line-height:1.3;font-weight:600;text-wrap:balance}h1 em{font-style:normal;color:var(--accent)}
main{position:relative;overflow:hidden;padding:27px 24px 24px;background:var(--card);border:1px solid var(--line);border-radius:10px}
main::before{content:"";position:absolute;inset:0 0 auto;height:3px;background:var(--accent)}
p{margin:0 0 16px}p:last-child{margin:0}.id{color:var(--quiet);font-size:.875rem}a{color:var(--accent);text-underline-offset:3px}
.going{padding-bottom:16px;border-bottom:1px solid var(--line);color:var(--quiet)}.going strong{display:block;color:var(--ink)}
.primary{display:grid;place-items:center;min-height:44px;padding:8px 16px;border-radius:8px;background:var(--accent);color:var(--on);font-weight:600;text-decoration:none}
a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
code{font-family:ui-monospace,monospace}
@media(max-width:30rem){body{padding:24px 0 16px;grid-template-rows:1fr auto 3fr}header{padding:0 16px}main{border-left:0;border-right:0;border-radius:0;padding-left:16px;padding-right:16px}}`;

const HEADERS = [
  ...['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff', 'X-Frame-Options', 'DENY'],
  ...['Referrer-Policy', 'no-referrer'],
] as const;
const CSP =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** What a page can tell beside the fault itself. Programs are not told of it. */
export interface Scene {
  /** The app that was asked for: what people call it, and its host. */
  readonly app?: { readonly title: string; readonly host: string } | undefined;
  /** Who is signed in, and whether they could sign in as somebody else here. */
  readonly user?: { readonly name: string; readonly canSwitch: boolean } | undefined;
  /** Offers to ask once more for the same address. */
  readonly again?: boolean;
  /** The one thing to do next, where that is not to ask again. */
  readonly primary?: { readonly href: string; readonly text: string } | undefined;
  /** What of the request was not understood, for whoever runs the site: name and value, each on a line of its own. */
  readonly seen?: readonly (readonly [name: string, value: string])[];
}

/** How an error differs from what stands in its row of FAULTS. */
interface ErrorManner {
  /** Headers to add: name, value, name, value. */
  readonly extra?: readonly string[] | undefined;
  readonly status?: number | undefined;
  readonly scene?: Scene;
}

/**
 * An error for the person or program at the other end: page, JSON or one line of text, as it asked. It needs nothing
 * from any other host, so it works on the host of an app whose everything is down.
 */
export function errorReply(wire: Wire, id: FaultId, { extra = [], status, scene = {} }: ErrorManner = {}): Reply {
  const { says, fix } = FAULTS[id];
  const code = status ?? FAULTS[id].status;
  const headers = [...HEADERS, 'X-Lintel-Error', id, ...extra];
  if (code === 503 || code === 429) headers.push('Retry-After', '5');
  if (isBrowser(wire.headers) && asksForPage(wire.headers)) {
    headers.push('Content-Type', 'text/html; charset=utf-8', 'Content-Security-Policy', CSP);
    return { status: code, headers, body: page(id, scene) };
  }
  if (prefersJson(wire.headers)) {
    headers.push('Content-Type', 'application/json; charset=utf-8');
    return { status: code, headers, body: JSON.stringify({ error: id, message: says, fix }) };
  }
  headers.push('Content-Type', 'text/plain; charset=utf-8');
  return { status: code, headers, body: `${id}: ${says}\n${fix}\n` };
}

/** For a script or program: 401 with the address to open in a browser, as JSON whatever it asked for. */
export function signInJson(location: string, extra: readonly string[] = []): Reply {
  const { says, fix } = FAULTS['SIGN-IN-NEEDED'];
  const headers = [...HEADERS, 'X-Lintel-Error', 'SIGN-IN-NEEDED', 'Location', location, ...extra];
  return {
    status: 401,
    headers: [...headers, 'Content-Type', 'application/json; charset=utf-8'],
    body: JSON.stringify({ error: 'SIGN-IN-NEEDED', message: says, fix, location }),
  };
}

function page(id: FaultId, scene: Scene): string {
  const { heading, title, text } = words(id, scene);
  return `${PAGE_HEAD}
<title>${title} — ${id}</title>
<style>${STYLE}</style>
</head>
<body>
<div class="place">
<header>${MARK}<h1>${heading}</h1></header>
<main>
${going(scene)}${text}<p class="id"><code>${id}</code></p>
${exits(scene)}</main>
</div>
</body>
</html>
`;
}

interface Words {
  readonly title: string;
  readonly heading: string;
  readonly text: string;
}

/** All of it escaped. What is for whoever runs the site stands apart from what is for everybody. */
function words(id: FaultId, { user, app, seen = [] }: Scene): Words {
  if (id === 'ACCESS-DENIED' && user !== undefined) return deniedWords(user, app?.title);
  const heading = escapeHtml(FAULTS[id].says.replace(/\.$/, ''));
  const { everybody, operators } = fixFor(id);
  const lines = seen.map(([name, value]) => `<p class="id">${name}: <code>${escapeHtml(value)}</code></p>\n`);
  return {
    title: heading,
    heading,
    text: `${everybody && `<p>${escapeHtml(everybody)}</p>\n`}${
      operators && `<p class="id">If you run this site: ${escapeHtml(operators)}</p>\n`
    }${lines.join('')}`,
  };
}

/** Who, what, and what can be done; not which group it would take. */
function deniedWords({ name, canSwitch }: NonNullable<Scene['user']>, title: string | undefined): Words {
  const what = escapeHtml(title ?? 'this');
  const or = canSwitch ? ', or switch account' : '';
  return {
    title: `You may not open ${what}`,
    heading: `You may not open ${title === undefined ? what : `<em>${what}</em>`}`,
    text: `<p>You're signed in as <strong>${escapeHtml(name)}</strong>, but ${what} is not open to this account. Ask the person who runs this site${or}.</p>\n`,
  };
}

function going({ app }: Scene): string {
  if (app === undefined) return '';
  const { title, host } = app;
  const where = title === host ? '' : escapeHtml(host);
  return `<p class="going"><strong>${escapeHtml(title)}</strong>${where}</p>\n`;
}

/** An empty address is the page's own, whatever that is: nothing of the request has to be written into it. */
function exits({ user, again, primary }: Scene): string {
  const next = primary ?? (again === true ? { href: '', text: 'Try again' } : undefined);
  const link = next && `<a class="primary" href="${escapeHtml(next.href)}">${escapeHtml(next.text)}</a>\n`;
  const other = user?.canSwitch === true ? '<a class="primary" href="/.lintel/sign-out">Switch account</a>\n' : '';
  return link ?? other;
}
