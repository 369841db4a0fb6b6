import { type AppToken, MAX_TOKENS, parseLabel, tokenSecret } from '../core/app-token.ts';
import { FAULTS, type FaultId } from '../core/fault.ts';
import type { PasswordFailure } from '../core/ports.ts';
import { err, ok, type Result } from '../core/result.ts';
import { describeClient, known } from '../core/target.ts';
import type { Reply } from '../core/wire.ts';
import { ACCOUNT, accountPage, appChoices, type Change, change, isRecent, titleOf } from './account.ts';
import { EXPIRIES, madeSheet, NEW_TOKEN, type TokenDraft } from './account-pages.ts';
import { attempt } from './attempt.ts';
import type { SignedIn } from './presence.ts';
import { errorHeader, redirect } from './replies.ts';
import { duration } from './time-words.ts';
import { at, note, placeName, refuse, show, type Visit } from './visit.ts';

const DAY_MS = 86_400_000;

/** Why no app password was made, in words for the form. */
interface Refusal {
  readonly id: FaultId;
  readonly what: string;
  readonly next: string;
  readonly retryAfterSeconds?: number;
}

/** `POST /account/app-passwords`: makes one and shows it, this once. */
export async function makeToken(v: Visit): Promise<Reply> {
  const asked = await change(v);
  if (!asked.ok) return asked.error;
  const { who } = asked.value;
  const draft = draftOf(asked.value.fields);
  const wanted = wish(v, who, draft);
  if (!wanted.ok) return again(v, who, draft, wanted.error);
  const proven = await isThemselves(v, asked.value);
  if (proven !== undefined) return again(v, who, draft, proven);
  const token: AppToken = { id: v.deps.secrets.id(), ...wanted.value };
  const secret = tokenSecret(v.deps.secrets.token());
  const stored = await attempt('STORE-WRITE', () => v.deps.store.addToken(token, v.deps.secrets.hash(secret)));
  if (!stored.ok) return refuse(v, stored.error);
  if (!stored.value) return again(v, who, draft, FULL);
  record(v, 'added', token);
  const opens = token.apps === 'all' ? 'every app that you may open' : token.apps.map((a) => titleOf(v, a)).join(', ');
  const { user } = who;
  return show(
    v,
    200,
    madeSheet({ place: placeName(v), path: at(v, ACCOUNT), user, label: token.label, secret, opens }),
  );
}

function draftOf(fields: URLSearchParams): TokenDraft {
  const scope = fields.get('scope');
  return {
    label: (fields.get('label') ?? '').slice(0, 200),
    scope: scope === 'all' || scope === 'some' ? scope : undefined,
    apps: fields.getAll('app'),
    expires: fields.get('expires') ?? NEW_TOKEN.expires,
    error: undefined,
  };
}

/** Every field has to say something that the form offered; what contradicts itself is asked again, never guessed. */
function wish(v: Visit, who: SignedIn, draft: TokenDraft): Result<Omit<AppToken, 'id'>, Refusal> {
  const label = parseLabel(draft.label);
  const expiry = EXPIRIES.get(draft.expires);
  const offered = appChoices(v, who).map((a) => a.name);
  if (label === undefined) return incomplete('It needs a name.', 'Say in a few words what it is for.');
  if (draft.scope === undefined) return incomplete('Say what it opens.', 'Choose every app, or tick some.');
  if (draft.scope === 'all' && draft.apps.length > 0) {
    return incomplete('You chose every app, and ticked some.', 'Choose one of the two.');
  }
  if (draft.scope === 'some' && draft.apps.length === 0) return incomplete('No app is ticked.', 'Tick at least one.');
  if (draft.apps.some((name) => !offered.includes(name))) {
    return incomplete('One of these apps is not open to you any more.', 'Choose again.');
  }
  if (expiry === undefined) return incomplete('Say when it ends.', 'Choose one of the times.');
  const now = v.deps.clock.now();
  return ok({
    user: who.user.name,
    label,
    apps: draft.scope === 'all' ? 'all' : [...new Set(draft.apps)],
    createdAt: now,
    expiresAt: expiry.days === undefined ? undefined : now + expiry.days * DAY_MS,
    lastUsedAt: undefined,
    createdBy: 'self',
  });
}

function incomplete(what: string, next: string): Result<never, Refusal> {
  return err({ id: 'FORM-INCOMPLETE', what, next });
}

const FULL: Refusal = {
  id: 'APP-PASSWORDS-FULL',
  what: `You have ${MAX_TOKENS} app passwords, and that is as many as there may be.`,
  next: 'Revoke one that you do not use any more.',
};

/** An unlocked screen is not enough to make something that opens apps for a year: an older sign-in is proven again. */
async function isThemselves(v: Visit, { who, fields }: Change): Promise<Refusal | undefined> {
  if (isRecent(who, v.deps.clock.now())) return undefined;
  const password = fields.get('password') ?? '';
  if (password === '') {
    return {
      id: 'FORM-INCOMPLETE',
      what: 'Your password is missing.',
      next: 'Type it too: you signed in a while ago.',
    };
  }
  const { client } = v.r;
  const verified = await v.deps.verifier.verify(who.user.name, password, known(client) ? client : undefined);
  if (verified.ok && verified.value.name === who.user.name) return undefined;
  const why = verified.ok ? ({ kind: 'refused' } as const) : verified.error;
  v.deps.audit.record({ kind: 'sign-in-failed', typed: who.user.name, client: describeClient(client), why: why.kind });
  return unproven(why);
}

function unproven(why: PasswordFailure): Refusal {
  switch (why.kind) {
    case 'refused':
      return { id: 'CREDENTIALS-REFUSED', what: 'That is not your password.', next: 'Check caps lock, and try again.' };
    case 'throttled':
    case 'busy': {
      const id = why.kind === 'busy' ? 'VERIFIER-BUSY' : 'THROTTLED';
      const { retryAfterSeconds } = why;
      return {
        id,
        what: FAULTS[id].says,
        next: `Wait ${duration(retryAfterSeconds)}, then try again.`,
        retryAfterSeconds,
      };
    }
    case 'unavailable':
      return { id: 'SOURCE-UNAVAILABLE', what: FAULTS['SOURCE-UNAVAILABLE'].says, next: 'Try again in a moment.' };
    default:
      return why satisfies never;
  }
}

function again(v: Visit, who: SignedIn, draft: TokenDraft, why: Refusal): Promise<Reply> {
  const { id, what, next, retryAfterSeconds } = why;
  if (id === 'SOURCE-UNAVAILABLE') note(v, { id, detail: 'the password could not be checked' });
  const retry = retryAfterSeconds === undefined ? [] : ['Retry-After', String(retryAfterSeconds)];
  return accountPage(v, who, FAULTS[id].status, { ...draft, error: { what, next } }, [...errorHeader(id), ...retry]);
}

/** `POST /account/app-passwords/revoke`: one of the person's own; of anybody else's nothing is even said. */
export async function revokeToken(v: Visit): Promise<Reply> {
  const asked = await change(v);
  if (!asked.ok) return asked.error;
  const { who, fields } = asked.value;
  const id = fields.get('id') ?? '';
  const gone = await attempt('STORE-WRITE', async () => {
    const [found] = await v.deps.store.listTokens({ kind: 'id', id });
    if (found?.user !== who.user.name) return undefined;
    return (await v.deps.store.revokeTokens({ kind: 'id', id })) > 0 ? found : undefined;
  });
  if (!gone.ok) return refuse(v, gone.error);
  if (gone.value !== undefined) record(v, 'revoked', gone.value);
  return redirect(303, at(v, ACCOUNT));
}

function record(v: Visit, what: 'added' | 'revoked', { user, id, label }: AppToken): void {
  v.deps.audit.record({ kind: 'token', what, user, token: id, label, client: describeClient(v.r.client) });
}
