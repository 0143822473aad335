// A test double for the server: dist under the real policy, the demo's logins, and /graphql over
// the double's schema. Started by the tests; `node test/double/server.js` runs it by hand.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execute, parse, subscribe, validate } from 'graphql';
import { POLICY } from '../support/policy.js';
import { demoLogins, rootFor, schema } from './schema.js';
import { Sessions } from './sessions.js';

const dist = new URL('../../dist/', import.meta.url);

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
};

/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('node:http').ServerResponse} Response */

export async function startDouble({ demo = true, port = 0 } = {}) {
  const sessions = new Sessions();
  /** @type {{ operationName: string | undefined, query: string, authorization: string | undefined }[]} */
  const received = [];

  /** @param {Request} request @param {Response} response */
  async function answer(request, response) {
    const { pathname } = new URL(request.url ?? '/', 'http://double');
    if (pathname === '/' || pathname === '/graphiql') {
      response.writeHead(308, { Location: '/graphiql/' }).end();
    } else if (pathname === '/demo/logins.json' && demo) {
      sendJson(response, 200, { logins: demoLogins });
    } else if (pathname === '/graphql' && request.method === 'POST') {
      await graphql(request, response);
    } else if (pathname.startsWith('/graphiql/')) {
      await file(pathname.slice('/graphiql/'.length) || 'index.html', response);
    } else {
      response.writeHead(404).end();
    }
  }

  /** @param {Request} request @param {Response} response */
  async function graphql(request, response) {
    const { query, variables, operationName } = await readJson(request);
    const { authorization, accept } = request.headers;
    received.push({ operationName, query, authorization });
    const document = parse(query);
    const errors = validate(schema, document);
    if (errors.length > 0) return sendJson(response, 400, { errors });
    const contextValue = { redacted: [] };
    const rootValue = rootFor(sessions, authorization?.replace('Bearer ', ''));
    const operation = { schema, document, rootValue, contextValue, variableValues: variables, operationName };
    if (accept === 'text/event-stream') return stream(await subscribe(operation), response);
    const result = await execute(operation);
    const extensions = contextValue.redacted.length > 0 ? { redacted: contextValue.redacted } : undefined;
    sendJson(response, 200, { ...result, extensions });
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(null)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${address.port}`,
    sessions,
    received,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** @param {string} name @param {Response} response */
async function file(name, response) {
  try {
    const content = await readFile(new URL(name, dist));
    response.writeHead(200, {
      'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream',
      'Content-Security-Policy': POLICY,
      'X-Content-Type-Options': 'nosniff',
    });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}

/** @param {any} results @param {Response} response */
async function stream(results, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  for await (const result of results) response.write(`event: next\ndata: ${JSON.stringify(result)}\n\n`);
  response.end('event: complete\ndata:\n\n');
}

/** @param {Response} response @param {number} status @param {unknown} body */
function sendJson(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

/** @param {Request} request */
async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { origin } = await startDouble({ port: Number(process.env.PORT ?? 8080), demo: process.env.DEMO !== 'off' });
  console.log(`Test double on ${origin}/graphiql/`);
}
