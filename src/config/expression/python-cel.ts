import type { Expr, MethodName, Statement } from './python-tree.ts';
import { entryOf } from './python-walk.ts';

/** The keys of `lintel.yml` that say in CEL what a mapping says in `ak_proxy`. */
const KEYS = [
  ['backend_override', 'backend'],
  ['host_header', 'host_header'],
] as const;

type Locals = ReadonlyMap<string, Expr>;

/**
 * What to write in lintel.yml in place of a mapping: `backend: '…'`, as far as the mapping can be said in CEL. For a hint:
 * people read it before they use it, nothing runs it. undefined: it cannot be said, or says neither of the two.
 */
export function celInPlace(statements: readonly Statement[]): string | undefined {
  const lines = KEYS.flatMap(([python, key]) => {
    const cel = celOfStatements(statements, python, new Map());
    return cel === undefined ? [] : [`${key}: '${cel.replaceAll("'", "''")}'`];
  });
  return lines.length === 0 ? undefined : lines.join(' and ');
}

function celOfStatements(statements: readonly Statement[], key: string, locals: Locals): string | undefined {
  const [first, ...rest] = statements;
  switch (first?.kind) {
    case 'pass':
      return celOfStatements(rest, key, locals);
    case 'assign':
      return celOfStatements(rest, key, new Map([...locals, [first.name, inlined(first.value, locals)]]));
    case 'return':
      return first.value === undefined ? undefined : celOfReturn(first.value, key, locals);
    case 'if': {
      const otherwise = celOfStatements([...first.no, ...rest], key, locals);
      return first.arms.toReversed().reduce((no: string | undefined, [test, body]) => {
        const yes = celOfStatements([...body, ...rest], key, locals);
        const condition = isBoolean(test) ? cel(test, locals) : undefined;
        return yes && no && condition ? `${condition} ? ${yes} : ${no}` : undefined;
      }, otherwise);
    }
    default:
      return undefined;
  }
}

/** A local name that stands for itself would never end. */
function inlined(value: Expr, locals: Locals): Expr {
  const known = value.kind === 'name' ? locals.get(value.name) : undefined;
  return known ?? value;
}

function celOfReturn(value: Expr, key: string, locals: Locals): string | undefined {
  const found = entryOf(entryOf(value, 'ak_proxy'), key);
  return found === undefined ? undefined : cel(found, locals);
}

function cel(e: Expr, locals: Locals): string | undefined {
  const all = (exprs: readonly Expr[]) => {
    const texts = exprs.map((x) => cel(x, locals));
    return texts.every((t) => t !== undefined) ? texts : undefined;
  };
  const around = (exprs: readonly Expr[], write: (texts: readonly string[]) => string) => {
    const texts = all(exprs);
    return texts === undefined ? undefined : write(texts);
  };
  switch (e.kind) {
    case 'constant':
      return e.value === null || typeof e.value === 'string' ? JSON.stringify(e.value) : String(e.value);
    case 'name':
      return celOfName(e.name, locals);
    case 'refused':
      return e.cel;
    case 'text':
      return celOfText(e.parts, locals);
    case 'list':
    case 'tuple':
      return around(e.items, (t) => `[${t.join(', ')}]`);
    case 'dict':
      return around(e.entries.flat(), (t) => {
        const pairs = t.flatMap((text, i) => (i % 2 === 0 ? [`${text}: ${t[i + 1] ?? ''}`] : []));
        return `{${pairs.join(', ')}}`;
      });
    case 'member':
      return celOfMember(e.name, cel(e.object, locals));
    case 'item':
      return around([e.object, e.key], ([o, k]) => `${o}[${k}]`);
    case 'method':
      return around([e.object, ...e.args], ([on = '', ...args]) => celOfMethod(e.name, on, args));
    case 'call':
      return e.name === 'str' ? around([e.argument], ([a]) => `string(${a})`) : undefined;
    case 'is-member':
      return around([e.group], ([g]) => `${g} in user.groups`);
    case 'compare':
      return celOfCompare(e, locals);
    case 'not':
      return isBoolean(e.operand) ? around([e.operand], ([o]) => `!(${o})`) : undefined;
    case 'minus':
    case 'plus':
      return around([e.operand], ([o]) => (e.kind === 'minus' ? `-${o}` : `${o}`));
    case 'add':
      return around([e.left, e.right], ([l, r]) => `${l} + ${r}`);
    case 'and':
    case 'or':
      if (!isBoolean(e.left) || !isBoolean(e.right)) return undefined;
      return around([e.left, e.right], ([l, r]) => `(${l} ${e.kind === 'and' ? '&&' : '||'} ${r})`);
    case 'choice':
      if (!isBoolean(e.test)) return undefined;
      return around([e.test, e.yes, e.no], ([t, y, n]) => `(${t} ? ${y} : ${n})`);
    default:
      return e satisfies never;
  }
}

function celOfName(name: string, locals: Locals): string | undefined {
  const value = locals.get(name);
  const below = new Map(locals);
  below.delete(name);
  if (value !== undefined) return cel(value, below);
  return name === 'user' || name === 'request' ? name : undefined;
}

function celOfText(parts: readonly (string | Expr)[], locals: Locals): string | undefined {
  const texts = parts
    .filter((p) => p !== '')
    .map((p) => {
      if (typeof p === 'string') return JSON.stringify(p);
      const text = cel(p, locals);
      return text === undefined || /^user\.(?:name|displayName|email|uid)$/.test(text) ? text : `string(${text})`;
    });
  return texts.every((t) => t !== undefined) ? texts.join(' + ') : undefined;
}

const MEMBERS: ReadonlyMap<string, string> = new Map([
  ['username', 'name'],
  ['name', 'displayName'],
  ['email', 'email'],
  ['uid', 'uid'],
  ['attributes', 'attributes'],
]);

function celOfMember(name: string, object: string | undefined): string | undefined {
  if (object === 'request' && name === 'user') return 'user';
  const member = MEMBERS.get(name);
  return object === 'user' && member !== undefined ? `user.${member}` : undefined;
}

function celOfMethod(name: MethodName, on: string, args: readonly string[]): string {
  switch (name) {
    case 'group_attributes':
      return 'user.group_attributes';
    case 'get':
      return `(${args[0]} in ${on} ? ${on}[${args[0]}] : ${args[1] ?? 'null'})`;
    case 'lower':
      return `${on}.lowerAscii()`;
    case 'upper':
      return `${on}.upperAscii()`;
    case 'strip':
      return `${on}.trim()`;
    case 'startswith':
      return `${on}.startsWith(${args[0]})`;
    case 'endswith':
      return `${on}.endsWith(${args[0]})`;
    case 'join':
      return `${args[0]}.join(${on})`;
    case 'split':
    case 'replace':
      return `${on}.${name}(${args.join(', ')})`;
    default:
      return name satisfies never;
  }
}

function celOfCompare(e: Extract<Expr, { kind: 'compare' }>, locals: Locals): string | undefined {
  const texts = [e.first, ...e.rest.map(([, x]) => x)].map((x) => cel(x, locals));
  if (!texts.every((t) => t !== undefined)) return undefined;
  const pairs = e.rest.map(([op], i) => {
    const [l, r] = [texts[i], texts[i + 1]];
    if (op === 'not in') return `!(${l} in ${r})`;
    return `${l} ${op === 'is' ? '==' : op === 'is not' ? '!=' : op} ${r}`;
  });
  return pairs.join(' && ');
}

/** CEL has no truth of texts and lists: only what is true or false already can be a condition. */
function isBoolean(e: Expr): boolean {
  switch (e.kind) {
    case 'compare':
    case 'not':
    case 'is-member':
      return true;
    case 'constant':
      return typeof e.value === 'boolean';
    case 'and':
    case 'or':
      return isBoolean(e.left) && isBoolean(e.right);
    case 'method':
      return e.name === 'startswith' || e.name === 'endswith';
    case 'refused':
      return e.cel !== undefined && (e.cel.includes(' in ') || e.cel.includes('.exists('));
    default:
      return false;
  }
}
