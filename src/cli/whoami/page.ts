import { MARK, PAGE_HEAD } from '../../core/text/html.ts';
import { type Html, html, join, verbatim } from '../../portal/html.ts';
import { type Arrived, type Header, isIdentity } from './person.ts';

/** What the page says about its surroundings. */
export interface Surroundings {
  /** Where people reach the app: scheme://host[:port]. */
  readonly origin: string;
  readonly portal: string;
}

/** The page that the demo opens with: who you are to the app, the headers it was told so in, and how not to fool it. */
export function page(arrived: Arrived, path: string, around: Surroundings): Html {
  const known = arrived.user !== '';
  const identity = arrived.headers.filter((h) => isIdentity(h.name));
  const rest = arrived.headers.filter((h) => !isIdentity(h.name));
  return html`${HEAD}
<title>${known ? `${arrived.user} · whoami` : 'whoami'}</title>
<link rel="stylesheet" href="/style.css">
<script src="/copy.js" defer></script>
</head>
<body>
<div class="place wide">
<header>${BEAM}${heading(arrived)}</header>
<main class="card">
${greeting(arrived)}
<p class="quiet">These headers came from Lintel, not from your browser: it took away whatever your browser sent under
these names and wrote them anew, ${known ? 'for the account you signed in with' : 'empty, since nobody is signed in'}.</p>
${table('Who you are', identity)}
${tryIt(path, around, known)}
${table('The rest of the request', rest)}
<p class="copied" role="status" aria-live="polite"></p>
</main>
</div>
</body>
</html>
`;
}

const HEAD = verbatim(PAGE_HEAD);
const BEAM = verbatim(MARK);

function heading({ user, name }: Arrived): Html {
  return user === '' ? html`<h1>Hello, whoever you are</h1>` : html`<h1>Hello, <em>${name || user}</em></h1>`;
}

function greeting({ user, email, groups }: Arrived): Html {
  if (user === '') return html`<p>No user name reached this app. It shows this page to everyone.</p>`;
  return html`<p>You're signed in as <strong>${user}</strong>${email !== '' && html` (${email})`}, in ${inGroups(groups)}.</p>`;
}

function inGroups(groups: readonly string[]): Html {
  if (groups.length === 0) return html`no group`;
  const names = groups.map((g, i) => html`${i > 0 && ', '}<strong>${g}</strong>`);
  return html`the ${groups.length === 1 ? 'group' : 'groups'} ${join(names)}`;
}

function table(title: string, headers: readonly Header[]): Html {
  const rows = headers.map(
    ({
      name,
      value,
    }) => html`<tr><th scope="row">${name}</th><td>${value === '' ? EMPTY : html`<code>${value}</code>`}</td>
<td class="act"><button class="copy" type="button" data-copy="${name}: ${value}" aria-label="Copy ${name}" hidden>Copy</button></td></tr>
`,
  );
  return html`<h2>${title}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col">Header</th><th scope="col">Value</th><th scope="col"><span class="unseen">Copy</span></th></tr></thead>
<tbody>
${join(rows)}</tbody></table></div>`;
}

const EMPTY = html`<span class="quiet">empty</span>`;

function tryIt(path: string, { origin, portal }: Surroundings, known: boolean): Html {
  return html`<h2>Try to fool me</h2>
<p>Anybody can write a header. Send one yourself, to the page that everyone may see:</p>
${command(`curl -H 'Remote-User: admin' ${origin}/public`)}
<p>It arrives empty. With a password of your own you are yourself, whatever you claim:</p>
${command(`curl -u bob -H 'Remote-User: admin' -H 'Remote_User: admin' ${origin}/`)}
<p><a href="${origin}/admin">Open the page for admins</a> · ${
    path !== '/public'
      ? html`<a href="${origin}/public">Open the page for everyone</a>`
      : html`<a href="${origin}/">Open the page for people</a>`
  } · ${known ? html`<a href="${portal}/sign-out">Sign out</a>` : html`<a href="${origin}/">Sign in</a>`}</p>`;
}

function command(text: string): Html {
  return html`<div class="command"><pre tabindex="0"><code>${text}</code></pre><button class="copy" type="button" data-copy="${text}" aria-label="Copy the command" hidden>Copy</button></div>`;
}
