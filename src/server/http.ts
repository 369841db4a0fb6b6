/**
 * node:http without what an `import` of it brings along: an import names every export, and naming some of them loads HTTP/2
 * and a WebSocket client, a fifth of the time to start. (test/architecture.test.ts looks at what a start has loaded.)
 */
export const { createServer, IncomingMessage, ServerResponse } = process.getBuiltinModule('node:http');
