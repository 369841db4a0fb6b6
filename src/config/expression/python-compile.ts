import type { ExpressionInput } from '../../core/expression.ts';
import { attributesOf, item, lengthOf, userMember } from './python-access.ts';
import { add, compare, negative } from './python-arithmetic.ts';
import { callMethod } from './python-methods.ts';
import type { Expr, Statement } from './python-tree.ts';
import {
  Being,
  type Budget,
  boundedItems,
  boundedText,
  Dict,
  Failure,
  isTrue,
  Tuple,
  toText,
  typeName,
  type Value,
} from './python-value.ts';

/** One evaluation. */
export interface Frame {
  readonly input: ExpressionInput;
  readonly locals: Map<string, Value>;
  readonly budget: Budget;
}

type Run = (frame: Frame) => Value | Failure;
/** undefined: the statements ended without a return. */
type Step = (frame: Frame) => { readonly returned: Value } | Failure | undefined;

export const USER = new Being('user');
export const REQUEST = new Being('request');

export function compileStatements(statements: readonly Statement[]): Step {
  const steps = statements.map(compileStatement);
  return (frame) => {
    for (const step of steps) {
      const end = step(frame);
      if (end !== undefined) return end;
    }
    return undefined;
  };
}

function compileStatement(s: Statement): Step {
  switch (s.kind) {
    case 'pass':
      return () => undefined;
    case 'refused-statement':
      return () => new Failure(s.offset, s.message);
    case 'return': {
      const value = s.value === undefined ? undefined : compile(s.value);
      return (frame) => {
        const returned = value === undefined ? null : value(frame);
        return returned instanceof Failure ? returned : { returned };
      };
    }
    case 'assign': {
      const value = compile(s.value);
      return (frame) => {
        const v = value(frame);
        if (v instanceof Failure) return v;
        frame.locals.set(s.name, v);
        return undefined;
      };
    }
    case 'if':
      return compileIf(s);
    default:
      return s satisfies never;
  }
}

function compileIf(s: Extract<Statement, { kind: 'if' }>): Step {
  const arms = s.arms.map(([test, body]) => ({ test: compile(test), body: compileStatements(body) }));
  const no = compileStatements(s.no);
  return (frame) => {
    for (const { test, body } of arms) {
      const t = test(frame);
      if (t instanceof Failure) return t;
      if (isTrue(t)) return body(frame);
    }
    return no(frame);
  };
}

/** The expression as a closure. Every part runs at most once in an evaluation: nothing here repeats. */
export function compile(e: Expr): Run {
  switch (e.kind) {
    case 'constant':
      return () => e.value;
    case 'name':
      return (frame) => frame.locals.get(e.name) ?? unset(frame, e.name, e.offset);
    case 'refused':
      return () => new Failure(e.offset, e.message);
    case 'text':
      return compileText(e);
    case 'dict':
      return compileDict(e);
    case 'list':
    case 'tuple':
      return compileItems(e);
    case 'member':
      return compileMember(e);
    case 'item':
      return pair(compile(e.object), compile(e.key), (object, key, frame) => item(object, key, e.offset, frame.budget));
    case 'method':
      return compileMethod(e);
    case 'call':
      return compileCall(e);
    case 'is-member':
      return pair(compile(e.user), compile(e.group), (user, group, { input }) => {
        if (user !== USER) return new Failure(e.offset, `ak_is_group_member asks about a user, not ${typeName(user)}`);
        if (typeof group !== 'string')
          return new Failure(e.offset, `the name of a group is text, not ${typeName(group)}`);
        return input.user.groups.includes(group);
      });
    case 'compare':
      return compileCompare(e);
    case 'not':
      return one(compile(e.operand), (v) => !isTrue(v));
    case 'minus':
    case 'plus':
      return one(compile(e.operand), (v) => negative(v, e.kind === 'minus', e.offset));
    case 'add':
      return pair(compile(e.left), compile(e.right), (l, r, frame) => add(l, r, e.offset, frame.budget));
    case 'and':
    case 'or':
      return compileLogical(e);
    case 'choice': {
      const [test, yes, no] = [compile(e.test), compile(e.yes), compile(e.no)];
      return (frame) => {
        const t = test(frame);
        return t instanceof Failure ? t : isTrue(t) ? yes(frame) : no(frame);
      };
    }
    default:
      return e satisfies never;
  }
}

/** A name that holds None is not a name without a value. */
function unset(frame: Frame, name: string, offset: number): null | Failure {
  return frame.locals.has(name) ? null : new Failure(offset, `${name} has no value yet`);
}

function one(operand: Run, f: (v: Value, frame: Frame) => Value | Failure): Run {
  return (frame) => {
    const v = operand(frame);
    return v instanceof Failure ? v : f(v, frame);
  };
}

function pair(left: Run, right: Run, f: (l: Value, r: Value, frame: Frame) => Value | Failure): Run {
  return (frame) => {
    const l = left(frame);
    if (l instanceof Failure) return l;
    const r = right(frame);
    return r instanceof Failure ? r : f(l, r, frame);
  };
}

/** The value itself, not its truth: `a or "x"` is a where a is true. */
function compileLogical(e: Extract<Expr, { kind: 'and' | 'or' }>): Run {
  const [left, right] = [compile(e.left), compile(e.right)];
  const goesOn = e.kind === 'and';
  return (frame) => {
    const l = left(frame);
    return l instanceof Failure || isTrue(l) !== goesOn ? l : right(frame);
  };
}

/** Chained: each operand once, from the left, until a comparison is false. */
function compileCompare(e: Extract<Expr, { kind: 'compare' }>): Run {
  const first = compile(e.first);
  const rest = e.rest.map(([op, right]) => [op, compile(right), right.offset] as const);
  return (frame) => {
    let left = first(frame);
    let isHeld: boolean | Failure = true;
    for (const [op, right, offset] of rest) {
      if (left instanceof Failure) return left;
      const r = right(frame);
      if (r instanceof Failure) return r;
      isHeld = compare(op, left, r, offset, frame.budget);
      if (isHeld !== true) return isHeld;
      left = r;
    }
    return isHeld;
  };
}

function compileText(e: Extract<Expr, { kind: 'text' }>): Run {
  const parts = e.parts.map((p) => (typeof p === 'string' ? () => p : one(compile(p), (v) => shown(v, p.offset))));
  return (frame) => {
    let text: string | Failure = '';
    for (const part of parts) {
      const v = part(frame);
      if (v instanceof Failure) return v;
      text = boundedText(text + v, e.offset, frame.budget);
      if (text instanceof Failure) return text;
    }
    return text;
  };
}

function shown(v: Value, offset: number): string | Failure {
  return toText(v) ?? new Failure(offset, `a ${typeName(v)} cannot be put into text here`);
}

function compileDict(e: Extract<Expr, { kind: 'dict' }>): Run {
  const entries = e.entries.map(([key, value]) => [compile(key), compile(value), key.offset] as const);
  return (frame) => {
    const out = new Map<string, Value>();
    for (const [key, value, offset] of entries) {
      const k = key(frame);
      if (k instanceof Failure) return k;
      const v = value(frame);
      if (v instanceof Failure) return v;
      if (typeof k !== 'string') return new Failure(offset, `a key is text here, not ${typeName(k)}`);
      out.set(k, v);
    }
    return new Dict(out);
  };
}

function compileItems(e: Extract<Expr, { kind: 'list' | 'tuple' }>): Run {
  const items = e.items.map(compile);
  return (frame) => {
    const out: Value[] = [];
    for (const run of items) {
      const v = run(frame);
      if (v instanceof Failure) return v;
      out.push(v);
    }
    const bounded = boundedItems(out, e.offset, frame.budget);
    return bounded instanceof Failure || e.kind === 'list' ? bounded : new Tuple(bounded);
  };
}

function compileMember(e: Extract<Expr, { kind: 'member' }>): Run {
  return one(compile(e.object), (v, { input }) => {
    const missing = () => new Failure(e.offset, `'${typeName(v)}' object has no attribute '${e.name}'`);
    if (v === REQUEST) return e.name === 'user' ? USER : missing();
    return v === USER ? (userMember(e.name, input.user) ?? missing()) : missing();
  });
}

function compileMethod(e: Extract<Expr, { kind: 'method' }>): Run {
  const object = compile(e.object);
  const args = e.args.map(compile);
  return (frame) => {
    const on = object(frame);
    if (on instanceof Failure) return on;
    const values: Value[] = [];
    for (const arg of args) {
      const v = arg(frame);
      if (v instanceof Failure) return v;
      values.push(v);
    }
    if (e.name !== 'group_attributes')
      return callMethod(on, e.name, { offset: e.offset, args: values, budget: frame.budget });
    if (on !== USER) return new Failure(e.offset, `'${typeName(on)}' object has no attribute 'group_attributes'`);
    const isRequest = values.every((v) => v === REQUEST || v === null);
    return isRequest
      ? attributesOf(frame.input.user.groupAttributes)
      : new Failure(e.offset, 'group_attributes takes request');
  };
}

function compileCall(e: Extract<Expr, { kind: 'call' }>): Run {
  return one(compile(e.argument), (v) => {
    switch (e.name) {
      case 'bool':
        return isTrue(v);
      case 'str':
        return shown(v, e.offset);
      case 'len':
        return lengthOf(v) ?? new Failure(e.offset, `a ${typeName(v)} has no len()`);
      default:
        return e.name satisfies never;
    }
  });
}
