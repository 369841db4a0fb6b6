// The app's side, as in docs/apps/node-red.md, and what the test wants besides: its own folder, port and audit log.
module.exports = {
  uiHost: '127.0.0.1',
  uiPort: Number(process.env.UI_PORT),
  userDir: process.env.USER_DIR,
  flowFile: 'flows.json',
  credentialSecret: false,
  logging: { console: { level: 'info', metrics: false, audit: true } },
  editorTheme: { tours: false },
  telemetry: { enabled: false },
  adminAuth: {
    type: 'credentials',
    users: [],
    tokenHeader: 'remote-user',
    tokens: async (name) => (name === '' ? null : { username: name, permissions: name === 'alice' ? '*' : 'read' }),
  },
};
