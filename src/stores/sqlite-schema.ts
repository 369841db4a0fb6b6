/**
 * Step N brings a database of schema version N to N + 1; the number of steps is the version of this build.
 * Never edit a step that was released: add one. Comments inside stay in the file for whoever opens it with sqlite3.
 *
 * AUTOINCREMENT, because a row number that came back would hand an orphaned secret to somebody else's session.
 * `secrets` has no row ids, so that find is one search by key and one by number, whatever the size.
 */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE sessions (
  n           INTEGER PRIMARY KEY AUTOINCREMENT,
  id          TEXT NOT NULL UNIQUE,
  user        TEXT NOT NULL,
  level       INTEGER NOT NULL, -- 1 one_factor, 2 two_factor
  epoch       TEXT NOT NULL,
  created_at  INTEGER NOT NULL, -- times in milliseconds since 1970
  seen_at     INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  idle_ms     INTEGER,          -- NULL: remembered, no idle limit
  address     TEXT NOT NULL,
  user_agent  TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_end ON sessions (min(expires_at, ifnull(seen_at + idle_ms, expires_at)));

CREATE TABLE secrets (
  key      TEXT PRIMARY KEY, -- SHA-256 of the cookie, base64url
  session  INTEGER NOT NULL REFERENCES sessions (n) ON DELETE CASCADE,
  kind     INTEGER NOT NULL, -- 1 portal, 2 app, 3 gate
  bound_to TEXT NOT NULL,    -- origin, for gate: domain
  place    INTEGER NOT NULL  -- order of attachment
) STRICT, WITHOUT ROWID;
CREATE INDEX secrets_by_session ON secrets (session, place);

CREATE TABLE hand_overs (
  code       TEXT PRIMARY KEY, -- SHA-256
  origin     TEXT NOT NULL,
  nonce      TEXT NOT NULL,    -- SHA-256
  session    TEXT NOT NULL,    -- sessions.id
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE installation_keys (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`,
  `
ALTER TABLE secrets ADD COLUMN routing TEXT; -- JSON: what the sign-in to the app decided; NULL: nothing

CREATE TABLE tokens (
  key        TEXT PRIMARY KEY, -- SHA-256 of the app password, base64url
  id         TEXT NOT NULL UNIQUE,
  user       TEXT NOT NULL,
  label      TEXT NOT NULL,
  apps       TEXT NOT NULL,    -- JSON: "all" or a list of names
  created_at INTEGER NOT NULL,
  expires_at INTEGER,          -- NULL: until it is revoked
  used_at    INTEGER,
  created_by INTEGER NOT NULL  -- 1 operator, 2 self
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_user ON tokens (user);
CREATE INDEX tokens_by_end ON tokens (expires_at);
`,
];
